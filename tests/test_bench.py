"""The bench works: its table says what was measured, every subject knows its figures, nothing outlives it."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest

BENCH = Path(__file__).resolve().parent.parent / "bench"
SUBJECTS = (
    "asyncio",
    "blazen",
    "blazen_nb",
    "dask",
    "durable",
    "grpc",
    "ipyparallel",
    "journal",
    "notebook",
    "startup",
    "tls",
)


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """The bench's own modules, by the plain names under which its scripts import each other."""
    monkeypatch.syspath_prepend(str(BENCH))
    before = set(sys.modules)
    yield {name: importlib.import_module(name) for name in ("rows", "report", "turns")}
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", "") in {str(path) for path in BENCH.glob("*.py")}:
            del sys.modules[name]


def _record(number: int, letter: str, figure: str, value: float, **more: Any) -> dict[str, Any]:
    return {"round": number, "letter": letter, "figure": figure, "value": value, **more}


def _cells(table: str, what: str) -> list[str]:
    line = next(line for line in table.splitlines() if what in line)
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_ratio_is_the_median_of_the_ratios_within_each_round(
    modules: dict[str, ModuleType],
) -> None:
    # The medians alone would give 230 / 200 = 1.15: the machine was slow in the last round.
    measured = [(100, 100), (230, 200), (1100, 1000)]
    records = [
        record
        for number, (ours, limit) in enumerate(measured)
        for record in (
            _record(number, "A1", "blazen_nb/run_async", ours),
            _record(number, "A1", "grpc/unary", limit),
        )
    ]
    cells = _cells(modules["report"].tables(records), "AsyncPeerClient")
    assert cells[2] == "230 us (100 .. 1,100)"
    assert cells[4] == "1.10"
    assert cells[7] == "yes"


@pytest.mark.parametrize(
    ("value", "reached"), [(150_000, "no"), (200_000, "yes"), (500_000, "yes, and then")]
)
def test_a_rate_reaches_its_target_from_below(
    modules: dict[str, ModuleType], value: float, reached: str
) -> None:
    table = modules["report"].tables([_record(1, "B", "blazen_nb/events_async", value)])
    assert _cells(table, "AsyncRunHandle")[7] == reached


def test_what_was_not_measured_is_named_with_its_reason(modules: dict[str, ModuleType]) -> None:
    records: list[dict[str, Any]] = [
        {"round": 1, "letter": "A1", "figure": "blazen_nb/run_async", "error": "OSError: no"},
        {"round": 1, "letter": "A1", "figure": "dask/run", "skipped": "not installed"},
    ]
    table = modules["report"].tables(records)
    assert _cells(table, "AsyncPeerClient")[2] == "failed: OSError: no"
    assert _cells(table, "Dask: submit")[2] == "skipped: not installed"
    assert modules["report"].unmeasured(records) == [_cells(table, "AsyncPeerClient")[1]]


@pytest.mark.parametrize("name", SUBJECTS)
def test_a_subject_says_first_that_it_can_measure_all_its_figures(
    modules: dict[str, ModuleType], name: str
) -> None:
    interpreter = modules["turns"].Interpreter(Path(sys.executable), {})
    subject = modules["turns"].Subject(name, interpreter, sys.__stderr__)
    try:
        told = set(subject.names())
    finally:
        subject.end()
    rows = modules["rows"]
    figures = [figure for letter in rows.LETTERS for figure in rows.figures_of(letter)]
    assert told == {figure.measure for figure in figures if figure.subject == name}


def test_every_subject_of_the_table_is_a_program(modules: dict[str, ModuleType]) -> None:
    rows = modules["rows"]
    named = {figure.subject for letter in rows.LETTERS for figure in rows.figures_of(letter)}
    assert named == set(SUBJECTS)
    assert named == {path.stem.removeprefix("subject_") for path in BENCH.glob("subject_*.py")}


def _run(*options: str) -> subprocess.Popen[str]:
    # No peers of other people's making, whatever is installed here.
    environment = os.environ | {"BENCH_SCALE": "0.1", "BENCH_VENVS": os.devnull}
    return subprocess.Popen(
        [sys.executable, str(BENCH / "run.py"), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def test_a_run_writes_its_records_and_prints_their_table(tmp_path: Path) -> None:
    out = tmp_path / "results.jsonl"
    run = _run("--only", "A1,A4", "--rounds", "1", "--out", str(out))
    table, log = run.communicate(timeout=25)
    assert run.returncode == 0, log
    assert float(_cells(table, "AsyncPeerClient")[4]) > 0
    assert _cells(table, "Dask: submit")[2].startswith("skipped: not installed")
    records = [json.loads(line) for line in out.read_text().splitlines()[1:]]
    assert {record["letter"] for record in records} == {"A1", "A4"}
    again, _ = _run("--table", str(out)).communicate(timeout=10)
    assert again == table


def test_an_interrupted_run_leaves_no_process_behind(tmp_path: Path) -> None:
    run = _run("--only", "F", "--rounds", "9", "--out", str(tmp_path / "results.jsonl"))
    assert run.stderr is not None
    for line in run.stderr:
        if line.startswith("round 1"):
            break
    below = psutil.Process(run.pid).children(recursive=True)
    assert any("blazen_nb.cli" in process.cmdline() for process in below)
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=15)
    assert run.returncode == 130
    gone, alive = psutil.wait_procs(below, timeout=5)
    assert not alive
    assert len(gone) == len(below)
