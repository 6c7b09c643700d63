"""A run whose cell does not wait: a thread follows it, and writes into its own card and nowhere else."""

from __future__ import annotations

import threading

from blazen_nb.errors import BlazenError
from blazen_nb.notebook.view import View
from blazen_nb.notebook.wait import Watched, follow_one
from blazen_nb.render.words import plural, short_run


def follow_detached(run: Watched, view: View) -> None:
    """The run's card is there and stays live after this cell; prints of a thread would land in another cell."""
    run.story.state.notice = _how_to_attach(run)
    run.story.begin()
    threading.Thread(target=_follow, args=(run, view), name="blazen-detached", daemon=True).start()


def _follow(run: Watched, view: View) -> None:
    state = run.story.state
    try:
        follow_one(run)
        state.notice = _end_notice(run)
    except BlazenError as error:  # an update that cannot be read
        state.live, state.notice = "detached", f"{error}; {_how_to_attach(run)}"
    finally:
        view.close()


def _how_to_attach(run: Watched) -> str:
    again = short_run(run.handle.run_id)
    return f"The cell does not wait for it: %blazen_attach {again} shows all of it, in any notebook"


def _end_notice(run: Watched) -> str:
    state = run.story.state
    again = f"%blazen_attach {short_run(run.handle.run_id)}"
    if state.outcome is None:
        state.live = "detached"  # the connection is gone, and the run may well go on
        return f"Out of sight; {again} shows it, once a peer is connected again"
    if state.outcome != "succeeded":
        return ""
    shown = f" and {plural(state.displays, 'display')}" if state.displays else ""
    return f"{again} brings its result{shown}" + (
        f": {state.result_text}" if state.result_text else ""
    )
