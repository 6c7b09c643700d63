from __future__ import annotations

import builtins
import copy
import pickle
from typing import Any

import pytest

from blazen_nb import errors
from blazen_nb.errors import BlazenError, Failure, FailureFrame, PeerError, WorkflowError

FAILURE = Failure(
    type_name="ZeroDivisionError",
    message="division by zero",
    notes=("while dividing",),
    step_id="__main__::divide",
    attempt=2,
    frames=(
        FailureFrame(label="cell [3]", line=4, function="divide", source="1 / 0", in_cell=True),
    ),
    traceback="Traceback (most recent call last):\n  ...\nZeroDivisionError: division by zero",
    exception=("json", b"{}"),
)


def _with_subclasses(cls: type[BlazenError]) -> list[type[BlazenError]]:
    return [cls, *(found for child in cls.__subclasses__() for found in _with_subclasses(child))]


# What the notebook alone raises, if it was loaded, goes no further than its cell.
ALL = sorted(
    (
        cls
        for cls in set(_with_subclasses(BlazenError))
        if not cls.__module__.startswith("blazen_nb.notebook.")
    ),
    key=lambda cls: cls.__name__,
)


def _make(cls: type[BlazenError]) -> BlazenError:
    if issubclass(cls, WorkflowError):
        return cls(
            "it went wrong", run_id="r-1", step_id="__main__::divide", peer="gpu0", failure=FAILURE
        )
    return cls("it went wrong")


def _assert_equal(again: BaseException, error: BlazenError) -> None:
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.args == error.args
    assert vars(again) == vars(error)


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_an_error_survives_pickle_with_its_attributes(
    cls: type[BlazenError], protocol: int
) -> None:
    error = _make(cls)
    error.add_note("seen in a cell")
    _assert_equal(pickle.loads(pickle.dumps(error, protocol)), error)


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy], ids=["copy", "deepcopy"])
def test_an_error_survives_a_copy_with_its_attributes(
    cls: type[BlazenError], duplicate: Any
) -> None:
    error = _make(cls)
    error.add_note("seen in a cell")
    _assert_equal(duplicate(error), error)


@pytest.mark.parametrize("cls", [cls for cls in ALL if issubclass(cls, WorkflowError)])
def test_an_outcome_keeps_what_it_knows_of_the_step(cls: type[WorkflowError]) -> None:
    again = pickle.loads(pickle.dumps(_make(cls)))
    assert (again.run_id, again.step_id, again.peer) == ("r-1", "__main__::divide", "gpu0")
    assert again.failure == FAILURE
    assert again.failure.frames[0].label == "cell [3]"
    assert again.notes == ("while dividing",)
    assert again.remote_traceback == FAILURE.traceback


@pytest.mark.parametrize("cls", [cls for cls in ALL if issubclass(cls, PeerError)])
def test_a_peer_error_keeps_its_kind(cls: type[PeerError]) -> None:
    assert pickle.loads(pickle.dumps(cls("it went wrong"))).kind == cls.kind


def test_every_error_is_drawn_in_the_tree_at_the_top_of_the_module() -> None:
    own = [cls for cls in ALL if cls.__module__ == errors.__name__]
    drawn = {line.split()[0] for line in (errors.__doc__ or "").splitlines() if line.strip()}
    assert {cls.__name__ for cls in own} <= drawn


def test_every_error_is_in_the_errors_module_and_shadows_no_builtin() -> None:
    assert {cls.__module__ for cls in ALL if cls.__module__.startswith("blazen_nb")} == {
        errors.__name__
    }
    assert not [cls.__name__ for cls in ALL if hasattr(builtins, cls.__name__)]
    assert all(cls.__name__.endswith("Error") for cls in ALL)
