from __future__ import annotations

from dataclasses import replace

import pytest

from blazen_nb.errors import FailureFrame
from blazen_nb.events import START, STOP
from blazen_nb.render.run_state import RunState
from blazen_nb.render.text import stable_text, terminal_text
from blazen_nb.render.words import amount, clip_middle, first_line, seconds, visible
from blazen_nb.updates import StepShape
from tests.unit.render_story import (
    CELL_SOURCE,
    OUT_OF_MEMORY,
    Story,
    failed,
    plain_cell,
    running,
    succeeded,
)


def many_steps(count: int) -> RunState:
    shapes = [
        StepShape(step_id=f"m::step_{number}", accepts=(START,), emits=(STOP,))
        for number in range(count)
    ]
    return Story().accepted().graph(*shapes).start("m::step_700", 1, 0.0).state


def test_the_stable_form_of_a_good_run() -> None:
    assert stable_text(succeeded().state) == (
        "index_docs on gpu-box: succeeded\n"
        "  split    succeeded\n"
        "  embed    succeeded  8 of 8\n"
        "  collect  succeeded  8 of 8"
    )


def test_the_terminal_form_adds_times_and_the_run_id() -> None:
    assert terminal_text(succeeded().state) == (
        "index_docs on gpu-box: succeeded, 19.6 s, run 4f1c09\n"
        "  split    succeeded  0.42 s\n"
        "  embed    succeeded  8 of 8  17.9 s\n"
        "  collect  succeeded  8 of 8  0.75 s"
    )


def test_the_stable_form_of_a_failed_run_shows_the_line() -> None:
    assert stable_text(failed().state) == (
        "index_docs on gpu-box: failed\n"
        "  split    succeeded\n"
        "  embed    failed  5 of 8\n"
        "  collect  not run  0 of 5\n"
        "  torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.14 GiB\n"
        "  in step embed, call 7, attempt 3, cell [3] line 7\n"
        "    4  @step\n"
        "    5  def embed(ev: Chunk) -> Vectors:\n"
        "    6      model = load(MODEL).half()\n"
        "  > 7      vecs = model.encode(ev.texts, batch_size=BATCH)\n"
        "    8      return Vectors(vecs=vecs)"
    )


def test_without_the_cells_text_the_frames_tell_the_way() -> None:
    outer = FailureFrame(
        label="cell [9]", line=12, function="main", source="embed(chunk)", in_cell=True
    )
    failure = replace(
        OUT_OF_MEMORY, step_id="cell", attempt=1, frames=(outer, *OUT_OF_MEMORY.frames)
    )
    story = plain_cell().ended("failed", 100.0, failure=failure)
    assert stable_text(story.state) == (
        "cell [7] on gpu-box: failed\n"
        "  torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.14 GiB\n"
        "  in cell [3] line 7\n"
        "    cell [9] 12  embed(chunk)\n"
        "  >  cell [3] 7  vecs = model.encode(ev.texts, batch_size=BATCH)"
    )


def test_a_cell_edited_since_does_not_show_wrong_lines() -> None:
    story = failed()
    story.state.source = "# a new first line\n" + CELL_SOURCE
    assert "@step" not in stable_text(story.state)
    assert "> 7  vecs = model.encode(ev.texts, batch_size=BATCH)" in stable_text(story.state)


def test_a_plain_cell_is_one_line() -> None:
    assert stable_text(plain_cell().state) == "cell [7] on gpu-box: running"
    assert terminal_text(plain_cell().state) == "cell [7] on gpu-box: running, 1:36, run 4f1c09"


def test_two_executions_that_differ_only_in_time_and_run_id_read_the_same() -> None:
    first, second = succeeded().state, succeeded().state
    second.run_id, second.started_at, second.duration = "ffff", 5.0, 3.0
    assert stable_text(first) == stable_text(second)
    assert terminal_text(first) != terminal_text(second)


def test_the_terminal_form_says_why_a_run_was_cancelled() -> None:
    story = running().ended("cancelled", 14.9, message="cancelled by this notebook after 0.2 s")
    assert terminal_text(story.state).endswith("\n  cancelled by this notebook after 0.2 s")
    assert "0.2 s" not in stable_text(story.state)


def test_a_thousand_steps_fit_a_screen() -> None:
    state = many_steps(1_000)
    for text in (stable_text(state), terminal_text(state)):
        lines = text.splitlines()
        assert len(lines) <= 25
        assert any("step_700" in line and "running" in line for line in lines)
        assert lines[-1] == "  and 986 more steps: 986 queued"


def test_no_line_is_over_99_columns() -> None:
    long_name = "m::" + "n" * 300
    shapes = [StepShape(step_id=long_name, accepts=(START,), emits=(STOP,))]
    failure = replace(OUT_OF_MEMORY, message="m" * 500 + "\nsecond line", step_id=long_name)
    story = Story(label="cell [3]").accepted("w" * 200, "p" * 200).graph(*shapes, name="w" * 200)
    story.ended("failed", 1.0, failure=failure)
    for text in (stable_text(story.state), terminal_text(story.state)):
        assert max(map(len, text.splitlines())) <= 99
        assert "second line" not in text


def test_terminal_escapes_in_names_never_reach_the_terminal() -> None:
    story = Story().accepted("\x1b[2Jwipe", "\x07peer")
    assert stable_text(story.state) == "wipe on peer: running"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (0.0, "0.00 s"),
        (0.424, "0.42 s"),
        (9.996, "10.0 s"),
        (14.2, "14.2 s"),
        (59.96, "1:00"),
        (96.4, "1:36"),
        (3_600.0, "1:00:00"),
        (-1.0, "0.00 s"),
    ],
)
def test_durations_are_short(value: float | None, text: str) -> None:
    assert seconds(value) == text


def test_names_are_cut_in_the_middle_and_sentences_at_the_end() -> None:
    assert clip_middle("abcdefghijklmnop", 9) == "abcd...op"
    assert first_line("one\ntwo", 50) == "one ..."
    assert first_line("x" * 60, 10) == "xxxxxxx..."


def test_amounts_show_no_needless_decimals() -> None:
    assert [amount(value) for value in (3.0, 1200, 0.5, 1234.567)] == [
        "3",
        "1,200",
        "0.5",
        "1,234.57",
    ]


def test_escapes_of_every_kind_are_invisible() -> None:
    assert visible("a\x1b]0;title\x07b\x1b[1;31mc\x1b[0m\td\x9b") == "abc\td"
