"""Runs in a cell's outputs: waited for, or left alone with a card of their own; starts none and takes no result."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from blazen_nb.notebook.cell_output import CellOutput
from blazen_nb.notebook.detached import follow_detached
from blazen_nb.notebook.device_watch import DeviceWatch
from blazen_nb.notebook.front_end import publish
from blazen_nb.notebook.kernel_end import is_told_to_end
from blazen_nb.notebook.pictures import PanesPicture, Picture, RunPicture
from blazen_nb.notebook.remote_run import RemoteRun
from blazen_nb.notebook.story import Story
from blazen_nb.notebook.view import LiveView, View, make_view
from blazen_nb.notebook.wait import Watched, wait_for_ends
from blazen_nb.render.static import is_static
from blazen_nb.render.text import run_phrase

_IN_CARD: dict[str, bool | None] = {"auto": None, "cell": False, "card": True}


def wait_for_runs(shell: Any, runs: Sequence[RemoteRun], *, where: str, quiet: bool) -> None:
    """The runs have ended, and the cell shows what they said; how they ended is their handles' to tell.

    Raises:
        KeyboardInterrupt: The cell was interrupted.
    """
    several = len(runs) > 1
    picture = _several(runs) if several else _single(runs[0], where)
    view = _view(shell, picture, runs, quiet=quiet)
    output = CellOutput(shell, view.cleared)
    # With several peers each one's prints are in its pane: in the cell nobody could tell whose they are.
    place = "card" if several else where
    stories = [Story(run.state, output, view, place, _devices(run, quiet=quiet)) for run in runs]
    watched = [Watched(run.handle, story) for run, story in zip(runs, stories, strict=True)]
    try:
        wait_for_ends(watched, partial(is_told_to_end, shell))
    finally:
        for run in runs:
            if run.state.outcome is None and run.handle.outcome == "lost":
                run.state.outcome = "lost"
                run.state.message = "the connection broke before the run had told its end"
        output.flush()
        view.close()


def leave_alone(shell: Any, runs: Sequence[RemoteRun], names: tuple[str, ...]) -> None:
    """The runs go on, each with a card that stays live; the first name gets a handle, or a dict of them by peer."""
    if names:
        # Handles of their own: an update is given out once, and the card reads all of them.
        handles = {run.state.node_id: run.client.attach(run.handle.run_id) for run in runs}
        shell.push({names[0]: handles if len(runs) > 1 else handles[runs[0].state.node_id]})
    for run in runs:
        picture = RunPicture(run.state, output=True, excerpt=True)
        view = _view(shell, picture, [run], quiet=False)
        if isinstance(view, LiveView):
            story = Story(run.state, None, view, "card", _devices(run, quiet=False))
            follow_detached(Watched(run.handle, story), view)
        else:
            publish(_left(run, picture))
            run.handle.detach()


def _devices(run: RemoteRun, *, quiet: bool) -> DeviceWatch | None:
    return None if quiet or is_static() else DeviceWatch(run.client, run.state.devices)


def _left(run: RemoteRun, picture: Picture) -> dict[str, Any]:
    run.state.live = "detached"
    if is_static():
        return {"text/plain": f"{run_phrase(run.state)}: detached"}
    run.state.notice = f"%blazen_attach {run.handle.run_id[:8]} shows all of it"
    return picture.final()


def _single(run: RemoteRun, where: str) -> Picture:
    return RunPicture(run.state, output=_IN_CARD[where], excerpt=False)


def _several(runs: Sequence[RemoteRun]) -> Picture:
    return PanesPicture([run.state for run in runs])


def _view(shell: Any, picture: Picture, runs: Sequence[RemoteRun], *, quiet: bool) -> View:
    def cancel() -> None:
        for run in runs:
            run.handle.cancel()

    answers = [(run.state, run.handle.respond_to_input) for run in runs]
    return make_view(shell, picture, answers, cancel=cancel, quiet=quiet)
