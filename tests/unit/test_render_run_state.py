from __future__ import annotations

import sys
from typing import Any

import pytest

from blazen_nb.events import INPUT_RESPONSE, START, Event
from blazen_nb.render.run_state import RunState
from blazen_nb.render.step_state import BARS_LIMIT, SLOTS_LIMIT
from blazen_nb.updates import (
    Displayed,
    Ended,
    EventPublished,
    InputClosed,
    InputRequested,
    Output,
    Paused,
    StepShape,
    Usage,
)
from tests.unit.render_story import (
    INDEX_DOCS,
    RUN_ID,
    Story,
    failed,
    plain_cell,
    running,
    split_done,
    succeeded,
)


def look(story: Story) -> str:
    return story.state.state


def size_of(value: Any, seen: set[int] | None = None) -> int:
    """Objects that hang on a value, its own containers and slots included."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return 0
    seen.add(id(value))
    parts: list[Any] = []
    if isinstance(value, dict):
        parts = [*value.keys(), *value.values()]
    elif isinstance(value, (list, tuple, set)) or type(value).__name__ == "deque":
        parts = list(value)
    elif hasattr(type(value), "__slots__"):
        parts = [getattr(value, name) for name in type(value).__slots__ if hasattr(value, name)]
    return sys.getsizeof(value) + sum(size_of(part, seen) for part in parts)


def test_a_new_run_is_queued_until_the_peer_accepts_it() -> None:
    story = Story()
    assert look(story) == "queued"
    story.accepted()
    assert look(story) == "running"
    assert (story.state.run_id, story.state.node_id, story.state.name) == (
        RUN_ID,
        "gpu-box",
        "index_docs",
    )


def test_the_outcome_of_the_end_is_the_state() -> None:
    for outcome in ("succeeded", "failed", "timed_out", "cancelled", "lost"):
        state = split_done(Story()).ended(outcome, 3.5, message="why").state
        assert state.state == outcome
        assert state.elapsed(99.0) == 3.5


def test_what_the_reader_knows_overrides_running_but_never_the_end() -> None:
    story = running()
    story.state.broken_at = 1.0
    assert look(story) == "reconnecting"
    story.ended("lost")
    assert look(story) == "lost"


def test_an_update_that_comes_twice_counts_once() -> None:
    story = Story().accepted()
    again = Output(run_id=RUN_ID, seq=2, step_id="cell", call=1, stream="stdout", text="once\n")
    story.state.apply(again)
    story.state.apply(again)
    assert story.state.log.total == 1


def test_steps_keep_the_graphs_order_whenever_they_start() -> None:
    story = Story().accepted().start("index::collect", 1, 0.1).graph()
    assert list(story.state.steps) == [shape.step_id for shape in INDEX_DOCS]
    assert story.state.steps["index::collect"].calls == 1


def test_a_fan_out_counts_calls_retries_and_lanes() -> None:
    state = running().state
    embed = state.steps["index::embed"]
    assert (embed.calls, embed.done, embed.retries, state.expected(embed)) == (7, 5, 2, 8)
    assert state.step_look(embed) == "running"
    assert embed.slots == [6, 7]
    assert {bar.lane for bar in embed.bars} == {0, 1}
    assert [bar.outcome for bar in embed.bars if bar.call == 4] == ["retrying", "succeeded"]
    assert embed.time(14.2) == pytest.approx(13.7)


def test_a_single_call_that_is_tried_again_shows_as_retrying() -> None:
    story = Story().accepted().graph().start("index::split", 1, 0.0, event=START)
    split = story.state.steps["index::split"]
    assert story.state.step_look(split) == "running"
    story.end("index::split", 1, 1.0, outcome="retrying", error="OSError: no")
    assert story.state.step_look(split) == "retrying"
    story.start("index::split", 1, 2.0, attempt=2, event=START)
    assert story.state.step_look(split) == "retrying"
    story.end("index::split", 1, 3.0, attempt=2)
    assert story.state.step_look(split) == "succeeded"


def test_the_end_of_the_run_ends_what_was_open_and_names_what_never_ran() -> None:
    state = running().ended("cancelled", 14.9).state
    looks = {name: state.step_look(step) for name, step in state.steps.items()}
    assert looks == {
        "index::split": "succeeded",
        "index::embed": "cancelled",
        "index::collect": "skipped",
    }
    embed = state.steps["index::embed"]
    assert not embed.open
    assert [bar.end for bar in embed.bars if bar.outcome == "cancelled"] == [14.9, 14.9]


def test_a_failed_call_fails_its_step_and_is_remembered() -> None:
    state = failed().state
    embed = state.steps["index::embed"]
    assert state.step_look(embed) == "failed"
    assert (embed.failures[-1].call, embed.failures[-1].attempt) == (7, 3)
    assert embed.failures[-1].time == pytest.approx(3.1)


def test_a_step_that_timed_out_says_so() -> None:
    story = Story().accepted().graph().start("index::split", 1, 0.0, event=START)
    story.end("index::split", 1, 5.0, took=5.0, outcome="timed_out")
    assert story.state.step_look(story.state.steps["index::split"]) == "timed_out"


def test_events_are_counted_by_type() -> None:
    story = succeeded()
    assert story.state.emitted["Chunk"] == 8
    assert story.state.emitted["Vectors"] == 8
    fresh = Story().accepted()
    for number in range(3):
        fresh.tell(EventPublished, event=Event("Tick", n=number))
    assert fresh.state.published == {"Tick": 3}


def test_a_question_makes_the_run_wait_until_it_is_answered() -> None:
    review = StepShape(step_id="review", accepts=(INPUT_RESPONSE,), emits=("Approved",))
    story = split_done(Story()).graph(*INDEX_DOCS, review)
    story.tell(InputRequested, request_id="q1", prompt="Keep them?")
    assert look(story) == "waiting"
    assert story.state.step_look(story.state.steps["review"]) == "waiting"
    story.tell(InputClosed, request_id="q1", how="answered")
    assert look(story) == "running"


def test_of_two_questions_the_one_that_is_closed_goes_and_the_other_stays() -> None:
    story = split_done(Story()).tell(InputRequested, request_id="q1", prompt="Keep them?")
    story.tell(InputRequested, request_id="q2", prompt="Go on?")
    story.tell(InputClosed, request_id="q1", how="timed_out")
    assert story.state.questions == {"q2": "Go on?"}


def test_a_plain_cell_has_no_steps_to_show_and_is_named_by_its_label() -> None:
    state = plain_cell().state
    assert state.is_cell
    assert state.shown_steps == []
    assert state.name == "cell [7]"


def test_a_cell_that_defines_steps_becomes_a_workflow() -> None:
    story = Story(label="cell [3]").accepted().start("cell", 1, 0.0, event=START)
    assert story.state.is_cell
    story.graph()
    assert not story.state.is_cell
    assert story.state.name == "index_docs"
    assert [step.step_id for step in story.state.shown_steps] == [
        shape.step_id for shape in INDEX_DOCS
    ]


def test_two_steps_of_one_name_are_told_apart_by_their_module() -> None:
    shapes = [
        StepShape(step_id=name, accepts=(START,), emits=())
        for name in ("a::load", "b::load", "b::save")
    ]
    state = Story().accepted().graph(*shapes).state
    assert [state.step_name(shape.step_id) for shape in shapes] == ["a::load", "b::load", "save"]


def test_a_progress_bar_knows_its_rate() -> None:
    story = (
        Story()
        .accepted()
        .progress("cell", "epoch", 0, 100, 10.0)
        .progress("cell", "epoch", 40, 100, 20.0)
    )
    (row,) = story.state.progress.values()
    assert (row.done, row.total, row.rate, row.complete) == (40, 100, 4.0, False)


def test_a_progress_bar_that_starts_over_starts_a_new_rate() -> None:
    story = (
        Story()
        .accepted()
        .progress("cell", "epoch", 100, 100, 10.0)
        .progress("cell", "epoch", 1, 100, 12.0)
    )
    story.progress("cell", "epoch", 3, 100, 13.0)
    (row,) = story.state.progress.values()
    assert (row.done, row.rate) == (3, 2.0)


def test_displays_and_usage_are_counted() -> None:
    story = Story().accepted()
    for action in ("display", "update", "clear", "display"):
        story.tell(Displayed, step_id="cell", call=1, action=action)
    story.ended(usage=Usage(total_tokens=12), result_text="42")
    assert story.state.displays == 2
    assert story.state.usage.total_tokens == 12
    assert story.state.result_text == "42"


def fan_out(calls: int) -> Story:
    story = split_done(Story(), calls)
    for call in range(1, calls + 1):
        story.start("index::embed", call, 1.0 + call)
        story.prints("index::embed", f"call {call}\n", call)
        story.tell(EventPublished, event=Event("Tick", call=call))
        story.end("index::embed", call, 1.5 + call, took=call / 1_000, emitted=("Vectors",))
    return story


def test_the_size_follows_the_steps_and_not_the_calls() -> None:
    small, large = fan_out(1_000).state, fan_out(5_000).state
    assert size_of(large) < 1.1 * size_of(small) < 200_000
    embed = large.steps["index::embed"]
    assert (embed.done, len(embed.bars), embed.crowded) == (5_000, BARS_LIMIT, True)
    assert embed.sample.median == pytest.approx(2.5, rel=0.05)
    assert embed.sample.longest == 5.0


def test_slots_are_never_more_than_four_and_never_fewer_again() -> None:
    story = split_done(Story())
    for call in range(1, 7):
        story.start("index::embed", call, 1.0)
    embed = story.state.steps["index::embed"]
    assert len(embed.slots) == SLOTS_LIMIT
    for call in range(1, 7):
        story.end("index::embed", call, 2.0)
    story.start("index::embed", 7, 2.0)
    assert embed.slots == [7, 2, 3, 4]


def test_the_end_of_an_attempt_whose_start_was_missed_is_counted() -> None:
    story = Story().accepted().end("late", 1, 5.0)
    late = story.state.steps["late"]
    assert late.done == 1
    assert story.state.step_look(late) == "succeeded"


def test_a_paused_run_is_paused_until_it_goes_on_or_ends() -> None:
    state = RunState(started_at=1.0)
    seen = []
    for seq, paused in enumerate((True, False, True), 1):
        state.apply(Paused(run_id="r", seq=seq, paused=paused))
        seen.append(state.state)
    state.apply(Ended(run_id="r", seq=4, outcome="cancelled", duration=1.0))
    assert [*seen, state.state] == ["paused", "running", "paused", "cancelled"]
