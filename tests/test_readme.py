from __future__ import annotations

import argparse
import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Collection, Iterable
from pathlib import Path

import pytest

import blazen_nb
import blazen_nb.errors
from blazen_nb.cli import make_parser as commands
from blazen_nb.notebook.arguments import _make_parser as remote_cell
from blazen_nb.notebook.magics import BlazenMagics
from blazen_nb.notebook.peer_magics import EXPOSE, OUT, PeerMagics
from blazen_nb.notebook.run_magics import RunMagics
from blazen_nb.notebook.run_magics import _attach_parser as attach
from blazen_nb.notebook.run_magics import _list_parser as runs_line

# What the texts call an object of these classes.
CALLED = {
    "handler": blazen_nb.WorkflowHandler,
    "client": blazen_nb.PeerClient,
    "model": blazen_nb.RemoteRef,
    "ctx": blazen_nb.Context,
}
# Names of Blazen's wire and of Python, not of this package.
OTHERS = {"StreamSubWorkflowEvents"}
MAGIC_OPTIONS = {
    "blazen_remote": set(remote_cell()._option_string_actions),
    "blazen_attach": set(attach()._option_string_actions),
    "blazen_runs": set(runs_line()._option_string_actions),
    "blazen_connect": {OUT, "--launch"},
    "blazen_serve": {EXPOSE},
}


@pytest.fixture(scope="module")
def readme(project: Path) -> str:
    return (project / "README.md").read_text()


def test_the_first_example_runs_and_prints_what_it_says(readme: str, tmp_path: Path) -> None:
    found = re.search(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    assert found, "the README has no Python example"
    script = tmp_path / "example.py"
    script.write_text(found[1])
    promised = re.findall(r"^\s*print\(.*\)  # (.+)$", found[1], re.MULTILINE)
    assert promised, "the example says nowhere what it prints"
    done = subprocess.run(
        [sys.executable, "-W", "error", script],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == promised


def test_every_make_target_it_names_exists(readme: str, project: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (project / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)", readme + (project / "CONTRIBUTING.md").read_text()))
    assert {"demo", "test"} <= named <= targets


def test_every_file_it_links_to_exists(readme: str, project: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", readme)
    assert links
    assert not [link for link in links if not (project / link).exists()]


@pytest.fixture(scope="module")
def texts(project: Path) -> str:
    return "\n".join((project / name).read_text() for name in ("README.md", "CHANGELOG.md"))


def spans_of(text: str) -> list[str]:
    """What stands in single backticks."""
    rest = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", rest)]


def in_code(text: str) -> list[str]:
    """The lines of fenced blocks, and what stands in single backticks."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line for block in fenced for line in block.splitlines()] + spans_of(text)


def options_of(line: str) -> set[str]:
    return set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", line.partition("#")[0]))


def subcommands() -> dict[str, set[str]]:
    (found,) = (a for a in commands()._actions if isinstance(a, argparse._SubParsersAction))
    return {name: set(each._option_string_actions) for name, each in found.choices.items()}


def test_every_name_of_the_package_that_the_texts_mention_exists(texts: str) -> None:
    spans = [span for span in spans_of(texts) if not span.startswith(("%", "blazen-nb"))]
    named: set[tuple[str, str]] = set()
    for span in spans:
        named.update(re.findall(r"(?<![\w./-])([A-Z]\w*[a-z]\w*)(?:\.([a-z]\w*))?", span))
        named.update(re.findall(rf"\b({'|'.join(CALLED)})\.([a-z]\w*)", span))
    ours = {
        (owner, member)
        for owner, member in named
        if owner in CALLED or hasattr(blazen_nb, owner) or hasattr(blazen_nb.errors, owner)
    }
    assert {("RunHandle", "pause"), ("RemoteRef", ""), ("UnsupportedError", "")} <= ours
    for owner, member in ours:
        cls = CALLED.get(owner) or getattr(blazen_nb, owner, None)
        assert not member or hasattr(cls, member), f"{owner}.{member}"
    calls = re.findall(r"`([A-Z]\w+)(?:\.(\w+))?\(([^`]*)\)`", texts)
    assert calls
    for owner, member, arguments in calls:
        called = getattr(blazen_nb, owner)
        known = inspect.signature(getattr(called, member) if member else called).parameters
        assert set(re.findall(r"\b(\w+)=", arguments)) <= set(known), f"{owner}.{member}"
    # What is one word in backticks and looks like a class is ours, or is known to be another's.
    classes = {span for span in spans if re.fullmatch(r"[A-Z]\w*[a-z]\w*", span)}
    assert classes <= {owner for owner, _ in ours} | OTHERS
    for names in re.findall(r"^from blazen_nb import (.+)$", texts, re.MULTILINE):
        assert set(names.split(", ")) <= set(blazen_nb.__all__)


def command_of(line: str, known: Collection[str]) -> str:
    """The command that the line gives, which may have two words."""
    words = line.split()
    return next((two for two in [" ".join(words[1:3])] if two in known), words[1])


def test_every_command_and_its_options_exist(texts: str) -> None:
    known = subcommands()
    lines = [line for line in in_code(texts) if line.startswith("blazen-nb ")]
    named = {line: command_of(line, known) for line in lines}
    assert set(named.values()) == set(known)
    for line, command in named.items():
        assert options_of(line) <= known[command], line


def test_every_magic_and_its_options_exist(texts: str, project: Path) -> None:
    tutorial = (project / "notebooks/01_first_cell.ipynb").read_text()
    named = set(re.findall(r"%%?(blazen_\w+)", texts + tutorial))
    ours = {**vars(BlazenMagics), **vars(PeerMagics), **vars(RunMagics)}
    assert named == {name for name in ours if name.startswith("blazen_")}
    for line in in_code(texts):
        if found := re.match(r"%%?(blazen_\w+)(.*)", line):
            assert options_of(found[2]) <= MAGIC_OPTIONS.get(found[1], set()), line


def test_every_option_that_stands_alone_belongs_to_something(texts: str) -> None:
    known = set().union(*MAGIC_OPTIONS.values(), *subcommands().values())
    alone = [line for line in in_code(texts) if line.startswith("-")]
    assert {"--insecure", "--ref", "-o"} <= set().union(*map(options_of, alone))
    assert not [line for line in alone if not options_of(line) <= known]


def test_every_variable_they_name_is_read_somewhere(texts: str, project: Path) -> None:
    sources = "".join(path.read_text() for path in (project / "blazen_nb").rglob("*.py"))
    named = set(re.findall(r"\bBLAZEN_[A-Z_]+", texts))
    assert {"BLAZEN_PEER_TOKEN", "BLAZEN_PEER_CA"} <= named
    assert not [name for name in named if f'"{name}"' not in sources]


def test_every_extra_it_installs_exists(readme: str, project: Path) -> None:
    known = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    (installed,) = re.findall(r'pip install "\.\[([\w,]+)\]"', readme)
    assert {*installed.split(","), "tls"} <= set(known["optional-dependencies"])


def test_the_tables_have_as_many_cells_in_each_row(readme: str) -> None:
    tables = re.findall(r"(?:^\|.*\|\n)+", readme, re.MULTILINE)
    assert len(tables) == 2
    for table in tables:
        assert len({row.count("|") for row in table.splitlines()}) == 1
        assert "| |" not in "\n".join(table.splitlines()[2:])


def test_the_folders_that_the_texts_lay_out_are_those_that_are_there(project: Path) -> None:
    contributing = (project / "CONTRIBUTING.md").read_text()
    layout = re.search(r"^blazen_nb/\n(.*?)^proto/", contributing, re.MULTILINE | re.DOTALL)
    assert layout
    named = set(re.findall(r"^  (\w+(?:/|\.py)) ", layout[1], re.MULTILINE))
    assert named == without_private(project / "blazen_nb")
    tests = set(re.findall(r"^tests/(\w+/) ", contributing, re.MULTILINE))
    assert tests == {name for name in without_private(project / "tests") if name.endswith("/")}
    readme = (project / "README.md").read_text()
    assert not [p for p in re.findall(r"`(tests/\w+)`", readme) if not (project / p).is_dir()]


def without_private(folder: Path) -> set[str]:
    inside: Iterable[Path] = (p for p in folder.iterdir() if not p.name.startswith(("_", ".")))
    return {
        f"{p.name}/" if p.is_dir() else p.name for p in inside if p.is_dir() or p.suffix == ".py"
    }
