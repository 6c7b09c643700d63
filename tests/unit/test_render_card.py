from __future__ import annotations

import re
from typing import Any

import pytest

from blazen_nb.errors import Failure
from blazen_nb.events import START, STOP
from blazen_nb.render.card import live_parts, static_card
from blazen_nb.render.icons import icon
from blazen_nb.render.run_state import RunState
from blazen_nb.render.table import ROWS_LIMIT, axis_end
from blazen_nb.updates import InputRequested, StepShape, Usage
from tests.unit.render_seen import HOSTILE, Seen
from tests.unit.render_story import (
    Story,
    failed,
    plain_cell,
    running,
    split_done,
    succeeded,
)


def live(state: RunState, now: float = 14.2, **options: Any) -> Seen:
    return Seen("".join(live_parts(state, now, **options).values()))


def hostile_story() -> Story:
    shapes = (
        StepShape(step_id=HOSTILE, accepts=(START,), emits=(HOSTILE,)),
        StepShape(step_id="b" + HOSTILE, accepts=(HOSTILE,), emits=(STOP,)),
    )
    story = (
        Story(label=HOSTILE, meta=(HOSTILE,), notice=HOSTILE)
        .accepted(HOSTILE, HOSTILE)
        .graph(*shapes, name=HOSTILE)
    )
    story.start(HOSTILE, 1, 0.0).prints(HOSTILE, HOSTILE + "\n").prints(
        HOSTILE, HOSTILE, stream="stderr"
    )
    story.progress(HOSTILE, HOSTILE, 1, 2, 0.5).tell(InputRequested, request_id="q", prompt=HOSTILE)
    return story


def every_card() -> dict[str, str]:
    cancelled = running().ended("cancelled", 14.9, message="Cancelled by you in this notebook.")
    return {
        "succeeded": static_card(succeeded().state),
        "failed": static_card(failed().state),
        "cancelled": static_card(cancelled.state),
        "running": static_card(running().state),
        "cell": static_card(plain_cell().ended(took=133.0).state),
        "hostile": static_card(hostile_story().state),
    }


def test_live_parts_have_the_five_keys_in_card_order() -> None:
    assert list(live_parts(running().state, 14.2)) == [
        "head",
        "steps",
        "meters",
        "output",
        "status",
    ]


def test_a_running_card_shows_state_counts_progress_and_output() -> None:
    parts = {name: Seen(html).text for name, html in live_parts(running().state, 14.2).items()}
    assert parts["head"].startswith("Running index_docs on gpu-box 14.2 s run 4f1c09")
    assert "embed Running 5 of 8 2 13.7 s" in parts["steps"]
    assert "call 7 Attempt 2" in parts["steps"]
    assert "embed 1 batches 60% 39 of 64" in parts["meters"]
    assert "! attempt 1: torch.OutOfMemoryError" in parts["output"]
    assert parts["status"] == "Running on gpu-box, embed 5 of 8"


def test_live_parts_have_nothing_that_an_update_would_close_or_lose() -> None:
    tags = live(running().state).tags
    assert not {"details", "style", "script", "input", "button"} & set(tags)


def test_the_spinner_takes_its_phase_from_the_clock() -> None:
    assert "animation-delay:-0.20s" in icon("running", 13.4)
    assert live_parts(running().state, 14.0)["head"] != live_parts(running().state, 14.3)["head"]


def test_the_log_has_its_full_height_from_the_first_line_on() -> None:
    story = split_done(Story())
    assert live_parts(story.state, 1.0)["output"] == ""
    heights = set()
    for number in range(20):
        story.prints("index::split", f"line {number}\n")
        heights.update(re.findall(r"height:\d+px", live_parts(story.state, 1.0)["output"]))
    assert heights == {"height:144px"}
    assert "20 lines, last 8 shown" in live_parts(story.state, 1.0)["output"]


def test_a_plain_cell_has_no_graph_no_table_and_no_output_unless_asked_for() -> None:
    state = plain_cell().state
    parts = live_parts(state, 96.4)
    assert parts["steps"] == ""
    assert parts["output"] == ""
    assert "412 of 1,200" in parts["meters"]
    assert "loss 1.746" in live_parts(state, 96.4, output=True)["output"]
    assert Seen(parts["head"]).text.startswith("Running cell [7] on gpu-box 1:36")


def test_a_good_plain_cell_leaves_only_its_header() -> None:
    seen = Seen(static_card(plain_cell().ended(took=133.0).state))
    assert not {"details", "table", "pre"} & set(seen.tags)
    assert seen.text.startswith("Succeeded cell [7] on gpu-box 2:13")


def test_a_good_run_ends_with_closed_folds() -> None:
    html = every_card()["succeeded"]
    assert html.count("<details>") == 2
    assert "<details open>" not in html
    text = Seen(html).text
    assert "Steps 3 steps, 17 calls, 2 retries, 17 events" in text
    assert "Chunk x8 split to embed" in text
    assert "Output 4 lines" in text


def test_a_failed_run_says_what_where_and_which_line() -> None:
    html = every_card()["failed"]
    text = Seen(html).text
    assert "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.14 GiB" in text
    assert "step embed, call 7, attempt 3, on gpu-box, cell [3] line 7" in text
    assert "> 7 vecs = model.encode(ev.texts, batch_size=BATCH)" in text
    assert "6 model = load(MODEL).half()" in text
    assert "Memory has been given back; the session is kept." in text
    assert "Remote traceback 2 frames" in text
    assert html.count('class="hit"') == 1
    assert html.count("<details open>") == 2


def test_the_excerpt_and_the_traceback_can_be_left_to_the_cells_own_error() -> None:
    text = Seen(static_card(failed().state, excerpt=False)).text
    assert "torch.OutOfMemoryError: CUDA out of memory" in text
    assert "line 7" in text
    assert "model.encode" not in text
    assert "Remote traceback" not in text


def test_a_closing_message_that_repeats_the_error_is_not_said_twice() -> None:
    failure = Failure(type_name="ValueError", message="bad row")
    story = plain_cell().ended("failed", 1.0, failure=failure, message="ValueError: bad row")
    assert Seen(static_card(story.state)).text.count("bad row") == 1


def test_a_cancelled_run_says_by_whom_and_opens_its_steps() -> None:
    text = Seen(every_card()["cancelled"]).text
    assert "Cancelled by you in this notebook." in text
    assert "1 of 3 succeeded, embed cancelled at 5 of 8 calls" in text
    assert "collect Not run" in text


@pytest.mark.parametrize("outcome", ["failed", "timed_out", "cancelled", "lost"])
def test_every_bad_end_has_a_band_with_its_message(outcome: str) -> None:
    html = static_card(running().ended(outcome, 15.0, message="here is why").state)
    assert "bzn-note" in html
    assert "here is why" in Seen(html).text


def test_a_waiting_run_shows_its_question() -> None:
    story = running().tell(InputRequested, request_id="q", prompt="Keep 17 boxes?")
    head = live_parts(story.state, 20.0)["head"]
    assert Seen(head).text.startswith("Waiting for input")
    assert "Keep 17 boxes?" in head


def test_a_notice_shows_under_the_header() -> None:
    story = running()
    story.state.notice = "Interrupted from the notebook."
    assert "Interrupted from the notebook." in live_parts(story.state, 14.2)["head"]


def test_a_connection_that_broke_is_said_under_the_header_until_it_is_back() -> None:
    story = running()
    story.state.broken_at, story.state.node_id = 1.0, "gpu-box"
    head = Seen(live_parts(story.state, 14.2)["head"]).text
    assert head.startswith("Reconnecting")
    assert "Connection to gpu-box lost at" in head
    story.state.broken_at = None
    assert "lost at" not in Seen(live_parts(story.state, 14.2)["head"]).text


def test_the_static_card_needs_no_script_no_ids_and_nothing_from_elsewhere() -> None:
    for html in every_card().values():
        seen = Seen(html)
        assert not {"script", "link", "iframe", "img", "object"} & set(seen.tags)
        names = {name for name, _ in seen.attributes}
        assert "id" not in names
        assert not any(name.startswith("on") or name in ("href", "src") for name in names)
        assert not re.search(r"url\(|@import|https?:", html)


def test_hostile_text_stays_text_everywhere() -> None:
    story = hostile_story()
    pieces = [*live_parts(story.state, 1.0, output=True).values(), static_card(story.state)]
    failure = Failure(
        type_name=HOSTILE, message=HOSTILE, notes=(HOSTILE,), step_id=HOSTILE, traceback=HOSTILE
    )
    story.ended("failed", 1.0, failure=failure, message=HOSTILE + " more")
    pieces += [static_card(story.state), live_parts(story.state, 1.0)["head"]]
    for html in pieces:
        seen = Seen(html)
        assert not {"script", "img"} & set(seen.tags)
        assert not any(name.startswith("on") for name, _ in seen.attributes)
    assert "alert('x')" in Seen(pieces[-2]).text


def test_the_same_state_gives_the_same_card() -> None:
    assert every_card() == every_card()
    assert live_parts(running().state, 14.2) == live_parts(running().state, 14.2)


def a_thousand_calls() -> RunState:
    story = split_done(Story(), 1_000)
    for call in range(1, 901):
        story.start("index::embed", call, 1.0 + call / 10).prints(
            "index::embed", f"call {call}\n", call
        )
        if call in (207, 311):
            error = f"ValueError: loss is nan at step {call}"
            story.end("index::embed", call, 2.0 + call / 10, outcome="failed", error=error)
        elif call <= 888:
            story.end("index::embed", call, 2.0 + call / 10, emitted=("Vectors",))
    return story.state


def test_a_thousand_calls_are_one_row_a_step_and_a_few_that_need_a_look() -> None:
    parts = live_parts(a_thousand_calls(), 95.0)
    assert sum(len(html) for html in parts.values()) < 16_000
    text = Seen(parts["steps"]).text
    assert "Done Running Queued Failed Median Longest Share" in text
    assert "embed 886 12 100 2 1.00 s 1.00 s" in text
    assert "embed 207 Failed 1.00 s ValueError: loss is nan at step 207" in text
    assert parts["steps"].count('scope="row"') <= 3 + 8
    assert len(static_card(a_thousand_calls())) < 45_000


def test_a_thousand_steps_are_at_most_forty_rows() -> None:
    shapes = [
        StepShape(step_id=f"m::step_{number}", accepts=(START,), emits=(STOP,))
        for number in range(1_000)
    ]
    state = Story().accepted().graph(*shapes).start("m::step_999", 1, 0.0).state
    steps = live_parts(state, 1.0)["steps"]
    assert steps.count('scope="row"') == ROWS_LIMIT
    assert "step_999" in steps
    assert "and 960 more steps: 960 queued" in steps
    assert len(steps) < 30_000


def test_more_bars_than_three_are_counted() -> None:
    story = plain_cell()
    for number in range(7):
        story.progress("cell", f"bar {number}", 1, 10, 97.0)
    meters = live_parts(story.state, 98.0)["meters"]
    assert meters.count('role="progressbar"') == 3
    assert "and 5 more" in meters


def test_a_bar_without_a_total_counts_up() -> None:
    story = Story().accepted().progress("cell", "rows", 1_200, None, 1.0)
    text = Seen(live_parts(story.state, 1.0)["meters"]).text
    assert text == "rows 1,200"


def test_tokens_and_cost_show_in_the_header_of_the_end() -> None:
    story = plain_cell().ended(usage=Usage(total_tokens=18_402, cost_usd=0.0021))
    assert "18,402 tokens, 0.0021 USD" in Seen(static_card(story.state)).text


def test_the_time_axis_ends_at_a_round_value_and_stays_there_for_a_while() -> None:
    assert [axis_end(value) for value in (0.1, 1.0, 1.1, 14.2, 45.0, 100.0, 3_601.0)] == [
        1,
        1,
        2,
        20,
        60,
        120,
        4_200,
    ]
