"""A run whose cell does not wait: a thread follows it, and writes into its own card and nowhere else."""

from __future__ import annotations

import atexit
import threading

from blazen_nb.errors import BlazenError
from blazen_nb.notebook.view import LiveView
from blazen_nb.notebook.wait import Watched, follow_one
from blazen_nb.render.words import plural, short_run

_LEAVE_SECONDS = 1.0
"""How long the end of the kernel waits for a card to become static."""

_followed: dict[threading.Thread, Watched] = {}


def follow_detached(run: Watched, view: LiveView) -> None:
    """The run's card is there and stays live after this cell; prints of a thread would land in another cell."""
    run.story.state.notice, run.story.state.notice_look = _how_to_attach(run), "detached"
    run.story.begin()
    view.go_live()
    thread = threading.Thread(target=_follow, args=(run, view), name="blazen-detached", daemon=True)
    _followed[thread] = run
    thread.start()


def leave_all() -> None:
    """The cards of runs that go on are static: with the kernel their widgets would be gone and leave holes."""
    followed = dict(_followed)
    for run in followed.values():
        run.handle.detach()
    for thread in followed:
        thread.join(_LEAVE_SECONDS)


# Before the connections are closed and the kernel stops to publish: both were registered earlier.
atexit.register(leave_all)


def _follow(run: Watched, view: LiveView) -> None:
    state = run.story.state
    try:
        follow_one(run)
        state.notice, state.notice_look = _end_notice(run), None
    except BlazenError as error:  # an update that cannot be read
        state.live, state.notice = "detached", f"{error}; {_how_to_attach(run)}"
    finally:
        view.close()
        _followed.pop(threading.current_thread(), None)


def _how_to_attach(run: Watched) -> str:
    again = short_run(run.handle.run_id)
    return f"The cell does not wait for it: %blazen_attach {again} shows all of it, in any notebook"


def _end_notice(run: Watched) -> str:
    state = run.story.state
    again = f"%blazen_attach {short_run(run.handle.run_id)}"
    if state.outcome is None:
        state.live = "detached"  # this kernel reads no more of it, and the run may well go on
        return f"{again} shows all of it, once its peer is connected again"
    if state.outcome != "succeeded":
        return ""
    shown = f" and {plural(state.displays, 'display')}" if state.displays else ""
    return f"{again} brings its result{shown}" + (
        f": {state.result_text}" if state.result_text else ""
    )
