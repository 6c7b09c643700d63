"""Which of a peer's runs are meant: by state, name and time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from blazen_nb.client.run_lists import STATES, RunInfo, since_of, wanted
from blazen_nb.errors import ValidationError
from blazen_nb.updates import Outcome

NOW = 1_800_000_000.0


def run(state: Any = "running", name: str = "w", age: float = 0.0) -> RunInfo:
    return RunInfo(
        run_id="0" * 36, workflow_name=name, state=state, started_at=NOW - age, duration=age
    )


def test_what_is_not_asked_for_does_not_matter() -> None:
    assert all(wanted()(run(state, name=state, age=1e9)) for state in STATES)


def test_one_state_or_several_can_be_asked_for() -> None:
    assert [s for s in STATES if wanted("waiting")(run(s))] == ["waiting"]
    assert [s for s in STATES if wanted(["paused", "lost"])(run(s))] == ["paused", "lost"]


def test_a_state_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    for state in ("dead", ["running", "dead"]):
        with pytest.raises(ValidationError, match="never 'dead'; it is one of running, queued"):
            wanted(state)


def test_a_name_is_meant_as_it_is() -> None:
    is_wanted = wanted(workflow="cell [3]")
    assert is_wanted(run(name="cell [3]"))
    assert not is_wanted(run(name="cell 3"))


@pytest.mark.parametrize(
    "since", [timedelta(minutes=5), datetime.fromtimestamp(NOW - 300, tz=UTC)], ids=str
)
def test_a_time_is_a_moment_or_back_from_now(since: datetime | timedelta) -> None:
    is_wanted = wanted(since=since, now=lambda: NOW)
    assert is_wanted(run(age=299))
    assert not is_wanted(run(age=301))


def test_no_other_time_is_taken() -> None:
    with pytest.raises(ValidationError, match="a datetime or a timedelta"):
        wanted(since=300)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("90s", timedelta(seconds=90)),
        ("1.5h", timedelta(minutes=90)),
        ("15m", timedelta(minutes=15)),
        ("3d", timedelta(days=3)),
        ("2026-01-31T12:00", datetime(2026, 1, 31, 12)),
        ("2026-01-31", datetime(2026, 1, 31)),
    ],
)
def test_times_as_people_type_them(text: str, means: Any) -> None:
    assert since_of(text) == means


@pytest.mark.parametrize("text", ["", "m", "yesterday", "5", "1e400h", "nand"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="is no time"):
        since_of(text)


def test_a_run_has_ended_in_the_states_that_are_outcomes() -> None:
    assert {state for state in STATES if run(state).has_ended} == set(get_args(Outcome))
