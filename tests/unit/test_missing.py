"""A module that the peer lacks: what a person is told to do."""

from __future__ import annotations

import types
from collections.abc import Iterator

import pytest

from blazen_nb.errors import Failure
from blazen_nb.shipping.code import CodeBundle
from blazen_nb.shipping.environment import python_minor
from blazen_nb.shipping.failure import describe_exception, rebuild_exception
from blazen_nb.shipping.installed import package_of
from blazen_nb.shipping.missing import package_names
from blazen_nb.shipping.modules import SourceModule, forget_modules, own_modules
from tests.unit.home_module import home_module
from tests.unit.shipping_notebook import install

HOME = "blazen_ns_7_missing"


@pytest.fixture
def peer() -> Iterator[types.ModuleType]:
    with home_module(HOME) as module:
        yield module
        forget_modules(HOME)


def failing(name: str, home: str = HOME) -> Failure:
    return describe_exception(
        ModuleNotFoundError(f"No module named {name!r}", name=name), home=home
    )


def test_the_note_names_the_package_and_shows_a_cell_that_installs_it(
    peer: types.ModuleType,
) -> None:
    failure = failing("cv2.dnn")
    assert failure.traceback == (
        "ModuleNotFoundError: No module named 'cv2.dnn'\n"
        f"  cv2 is not installed in the peer's Python {python_minor()}. It is in the package opencv-python. "
        "Install it there with a cell:\n"
        "      %%blazen_remote\n"
        "      import subprocess, sys\n"
        '      subprocess.run([sys.executable, "-m", "pip", "install", "opencv-python"], check=True)'
    )
    assert rebuild_exception(failure, trusted=False).__notes__ == list(failure.notes)


def test_the_notebooks_own_name_for_a_package_counts(peer: types.ModuleType) -> None:
    install(CodeBundle(packages={"cv2": "opencv-python-headless"}), peer)
    assert '"opencv-python-headless"' in failing("cv2").notes[0]


def test_a_module_that_left_the_standard_library_is_not_to_be_installed(
    peer: types.ModuleType,
) -> None:
    install(CodeBundle(packages={"asyncore_of_old": ""}), peer)
    assert "standard library" in failing("asyncore_of_old").notes[0]
    assert "install" not in failing("asyncore_of_old").notes[0]


def test_a_part_of_a_package_that_is_there_is_another_version(peer: types.ModuleType) -> None:
    assert "another version" in failing("json.nope").notes[0]


def test_a_module_of_ones_own_that_no_import_names_is_to_be_imported(
    peer: types.ModuleType,
) -> None:
    install(CodeBundle(modules=(SourceModule(name="mine", text="", label="mine.py"),)), peer)
    own = own_modules(HOME)
    assert own is not None
    failure = failing(f"{own.package}.mine.plugin")
    assert failure.message == "No module named 'mine.plugin'"
    assert "`import mine.plugin`" in failure.notes[0]
    rebuilt = rebuild_exception(failure, trusted=False)
    assert isinstance(rebuilt, ModuleNotFoundError)
    assert rebuilt.name == "mine.plugin"


def test_nothing_is_said_outside_of_a_peers_namespace() -> None:
    assert failing("cv2", "__main__").notes == ()


def test_only_what_the_name_does_not_say_is_told() -> None:
    modules = {"sklearn.svm", "numpy", "json", "yaml"}
    told = {"sklearn": "scikit-learn", "yaml": package_of("yaml")}
    assert package_names(modules, same_minor=True) == told
    assert package_names(modules, same_minor=False) == {**told, "json": ""}
    assert told["yaml"].lower() == "pyyaml"
