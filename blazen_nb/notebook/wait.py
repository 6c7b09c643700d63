"""The cell waits for its runs: updates in, picture and outputs forth, an interrupt cancels; ships nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blazen_nb.notebook.shown_errors import interrupt
from blazen_nb.notebook.story import Story
from blazen_nb.render.words import short_run
from blazen_nb.updates import Ended

if TYPE_CHECKING:  # grpc takes a while to load, and loading the extension must not wait for it
    from blazen_nb.client.sync_handle import RunHandle

POLL_SECONDS = 0.1
LAST_WORDS_SECONDS = 5.0
"""How long an interrupted cell waits for the run's end."""
_TURN_SECONDS = 0.02
"""How long a cell that waits for several runs looks at one that says nothing."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A run that a cell waits for, and how it tells of it."""

    handle: RunHandle
    story: Story


def wait_for_ends(runs: Sequence[Watched], is_leaving: Callable[[], bool]) -> None:
    """Return once all of them have ended, however they did.

    The first interrupt cancels them and waits a little for their ends, a second one leaves at once. Where the whole
    kernel is about to end, they are left alone.

    Args:
        is_leaving: Asked after an interrupt: whether the kernel is being restarted or shut down.

    Raises:
        KeyboardInterrupt: It was interrupted; the cells queued behind this one must not run.
    """
    try:
        for run in runs:
            run.story.begin()
        _follow(runs, lambda: False)
    except KeyboardInterrupt:
        raise _interrupted(runs, is_leaving) from None
    except Exception:
        # Of the front end, such as one that cannot ask. Nobody would wait for the runs any more.
        for run in runs:
            run.handle.cancel()
        raise


def follow_one(run: Watched) -> None:
    """Tell a run's story to its end; for one whose cell does not wait, so an interrupt is none of its business."""
    run.story.begin()
    _follow([run], lambda: False)


def _follow(runs: Sequence[Watched], is_over: Callable[[], bool]) -> bool:
    """Tell the stories to their ends; False where it was over before."""
    going = [run for run in runs if not _has_told_all(run)]
    turn = POLL_SECONDS if len(going) == 1 else _TURN_SECONDS
    while going:
        for run in list(going):
            if not _tell(run, turn):
                going.remove(run)
        if is_over():
            return not going
    return True


def _tell(run: Watched, seconds: float) -> bool:
    """What this run has told meanwhile; False where there will be no more."""
    is_over = run.handle.is_over  # asked first: what comes while this waits must not be passed over
    update = run.handle.next_update(seconds)
    if update is None:
        run.story.idle(run.handle.broken_since)
        return not is_over
    run.story.take(update)
    return not isinstance(update, Ended)


def _has_told_all(run: Watched) -> bool:
    return run.story.state.outcome is not None


def _interrupted(runs: Sequence[Watched], is_leaving: Callable[[], bool]) -> KeyboardInterrupt:
    """The runs are left alone or told to end; the interrupt to raise says what became of them."""
    patience = LAST_WORDS_SECONDS
    try:
        if is_leaving():
            return interrupt("; ".join(map(_left_alone, runs)))
    except KeyboardInterrupt:
        patience = 0.0  # the second one, before the runs were told
    return _cancelled(runs, patience)


def _left_alone(run: Watched) -> str:
    state, handle = run.story.state, run.handle
    if _has_told_all(run):
        return f"the run ended: {str(state.outcome).replace('_', ' ')}"
    again = f"%blazen_attach {short_run(handle.run_id)}"
    _detach(run, f"The kernel ended before it; {again} shows all of it, while its peer lives")
    where = f"on {state.node_id}" if state.node_id else "on its peer"
    return f"the kernel ends, and run {handle.run_id} {where} goes on; {again} shows all of it"


def _cancelled(runs: Sequence[Watched], patience: float) -> KeyboardInterrupt:
    """The runs are told to end; the interrupt to raise says what became of them."""
    try:
        for run in runs:
            run.handle.cancel()
            if not _has_told_all(run):
                run.story.state.notice = "Interrupted: cancelling the run on the peer"
        deadline = time.monotonic() + patience
        _follow(runs, lambda: time.monotonic() > deadline)
    except KeyboardInterrupt:
        pass  # the second one: leave at once
    return interrupt("; ".join(map(_last_words, runs)))


def _last_words(run: Watched) -> str:
    state, handle = run.story.state, run.handle
    where = f"on {state.node_id}" if state.node_id else "on its peer"
    outcome = state.outcome or handle.outcome
    if outcome is not None:
        state.notice = "Interrupted from the notebook"
        return f"the run {where} ended: {outcome.replace('_', ' ')}"
    again = f"%blazen_attach {short_run(handle.run_id)}"
    _detach(run, f"Left before its end was confirmed; {again} shows what became of it")
    return (
        f"run {handle.run_id} was told to end, and {where} it has not confirmed that yet; "
        f"{again} shows what became of it"
    )


def _detach(run: Watched, notice: str) -> None:
    run.handle.detach()
    run.story.state.live, run.story.state.notice = "detached", notice
