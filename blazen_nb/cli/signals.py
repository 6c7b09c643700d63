"""How a process that serves is told to end, and what it forks is ended as usual."""

from __future__ import annotations

import functools
import os
import signal
import threading


def told_by_signals() -> list[int]:
    """Gets the number of each SIGTERM and Ctrl-C; what cells fork is ended by them as usual.

    A list, because a signal may come while this thread holds the lock of whatever it waits on.
    """
    told: list[int] = []
    for number in _ENDING:
        signal.signal(number, lambda number, _: told.append(number))
    _prepare_forks()
    return told


@functools.cache  # once a process: of two, the second would find the signals held, and leave them so
def _prepare_forks() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=_hold_signals, after_in_parent=_let_signals, after_in_child=_end_by_signals
        )


_ENDING = (signal.SIGTERM, signal.SIGINT)
_masks = threading.local()


def _hold_signals() -> None:
    # One that reaches a new child before its handlers are its own would be lost there: a pool could not end it.
    _masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)


def _let_signals() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _masks.before)


def _end_by_signals() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _let_signals()
