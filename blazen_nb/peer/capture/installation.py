"""Sets the capture up for the process, and makes code belong to a step.

It knows which parts there are and in what order they are installed, not what each of them changes.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from contextvars import ContextVar, Token
from typing import Any

from blazen_nb.peer.capture import displays, figures
from blazen_nb.peer.capture.bars import follow_bars, leave_bars
from blazen_nb.peer.capture.patches import Patches
from blazen_nb.peer.capture.scope import Scope, Sink, current
from blazen_nb.peer.capture.step_warnings import route_warnings
from blazen_nb.peer.capture.streams import route_redirects, route_streams
from blazen_nb.peer.capture.threads import follow_threads


class _Installation:
    """The process's one installation: how many use it, and what it has changed."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.patches = Patches()
        self.watches_forks = False


_installation = _Installation()


def install() -> None:
    """The process's output is routed by step until as many ``uninstall`` calls have been made."""
    with _installation.lock:
        _installation.users += 1
        if _installation.users > 1:
            return
        patches = _installation.patches
        route_streams(patches)
        route_redirects(patches)
        route_warnings(patches)
        follow_threads(patches)
        follow_bars(patches)
        displays.route_displays(patches)
        figures.follow_figures(patches)
        _watch_forks()


def _watch_forks() -> None:
    # Once for the process: it cannot be taken back. Windows has no fork and no such function.
    if not _installation.watches_forks and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_leave_forked_child_alone)
        _installation.watches_forks = True


def uninstall() -> None:
    """One user less; with the last one ``sys.stdout`` and everything else is as it was before."""
    with _installation.lock:
        if _installation.users == 0:
            return
        _installation.users -= 1
        if _installation.users == 0:
            _installation.patches.undo()


def _leave_forked_child_alone() -> None:
    """Send what the child says to the real streams: the sink's threads did not survive the fork."""
    current.set(None)
    _installation.lock = threading.Lock()
    _installation.users = 0
    displays.renew_locks()
    figures.renew_locks()
    _installation.patches.undo()


def context_variables() -> frozenset[ContextVar[Any]]:
    """What ties code to its step: left out where a context is carried on to other steps."""
    return frozenset({current})


def activate(sink: Sink) -> Token[Scope | None]:
    """Code of this thread or task belongs to ``sink`` until its token goes to ``deactivate``."""
    return current.set(Scope(sink))


def deactivate(token: Token[Scope | None]) -> None:
    """The step's open bars end where they are, its open figures are shown and closed, and its sink is left.

    To be called in the thread or task that called ``activate``.
    """
    scope = current.get()
    try:
        if scope is not None:
            leave_bars(scope)
            scope.end_text()
            figures.show_figures(scope)
    finally:
        current.reset(token)


@contextlib.contextmanager
def capturing(sink: Sink) -> Iterator[None]:
    """What runs inside, and the threads and tasks it starts, speaks to ``sink``."""
    token = activate(sink)
    try:
        yield
    finally:
        deactivate(token)
