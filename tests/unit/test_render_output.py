from __future__ import annotations

import pytest

from blazen_nb.render.output_log import HEAD_LINES, TAIL_LINES
from blazen_nb.updates import OutputCut
from tests.unit.render_story import Story


def lines(story: Story) -> list[str]:
    return [line.text for line in story.state.log.last(8)]


def test_lines_are_put_together_from_pieces() -> None:
    story = Story().accepted().prints("cell", "a").prints("cell", "b\nc")
    assert lines(story) == ["ab", "c"]
    assert story.state.log.total == 2
    story.prints("cell", "d\n")
    assert lines(story) == ["ab", "cd"]
    assert story.state.log.total == 2


def test_lines_of_two_calls_and_two_streams_never_mix() -> None:
    story = (
        Story()
        .accepted()
        .prints("s", "one ", 1)
        .prints("s", "two ", 2)
        .prints("s", "bad ", 1, "stderr")
    )
    story.prints("s", "1\n", 1).prints("s", "2\n", 2).prints("s", "3\n", 1, "stderr")
    assert lines(story) == ["one 1", "two 2", "bad 3"]
    assert [line.stream for line in story.state.log.last(8)] == ["stdout", "stdout", "stderr"]


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (["\r 10%|#", "\r 20%|##", "\r100%|####\n"], ["100%|####"]),
        (["\r 10%|#", "\r 20%|##"], [" 20%|##"]),
        (["a\r\n", "b\r\n"], ["a", "b"]),
        (["50%\r", "60%\r", "done\n"], ["done"]),
        (["bar\r", "   \r", "next\n"], ["next"]),
    ],
)
def test_a_carriage_return_collapses_the_line(pieces: list[str], shown: list[str]) -> None:
    story = Story().accepted()
    for piece in pieces:
        story.prints("cell", piece)
    assert lines(story) == shown
    assert story.state.log.total == len(shown)


def test_colours_and_control_characters_do_not_show() -> None:
    story = Story().accepted().prints("cell", "\x1b[31mred\x1b[0m \x07bell\x00 \u202eevil\n")
    assert lines(story) == ["red bell evil"]


def test_an_unfinished_line_is_complete_when_its_call_ends() -> None:
    story = (
        Story()
        .accepted()
        .graph()
        .start("index::split", 1, 0.0)
        .prints("index::split", "no newline")
    )
    story.end("index::split", 1, 1.0).prints("index::split", "next\n")
    assert lines(story) == ["no newline", "next"]


def test_head_and_tail_of_the_output_are_kept_and_the_gap_is_counted() -> None:
    story = Story().accepted()
    for number in range(1_000):
        story.prints("cell", f"line {number}\n")
    kept = [line.text for line in story.state.log.kept()]
    assert kept[0] == "line 0"
    assert kept[-1] == "line 999"
    assert kept[HEAD_LINES] == f"... {1_000 - HEAD_LINES - TAIL_LINES} lines not kept"
    assert len(kept) == HEAD_LINES + TAIL_LINES + 1
    assert story.state.log.total == 1_000


def test_dropped_output_is_marked_and_counted() -> None:
    story = Story().accepted().prints("cell", "before\n")
    story.tell(OutputCut, step_id="cell", characters=80_000, lines=1_200).prints("cell", "after\n")
    assert lines(story) == ["before", "... 1,200 lines dropped here", "after"]
    assert story.state.log.total == 1_202


def test_one_endless_line_stays_small() -> None:
    story = Story().accepted()
    for _ in range(100):
        story.prints("cell", "x" * 1_000)
    story.prints("cell", "\n")
    (line,) = story.state.log.last(8)
    assert line.text.endswith("... 98,000 more characters")
    assert len(line.text) < 2_100
