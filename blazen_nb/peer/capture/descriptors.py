"""What goes past Python into the descriptors 1 and 2: from C code and child processes into the log, line by line.

Only for a process that is a peer and nothing else: a notebook's kernel has a capture of its own. ``sys.stdout`` and
``sys.stderr`` go on writing where the process was started to write, so no line of the log comes back as output.
What C code says as the process dies of it, such as glibc's reason to abort, is lost: the threads that log die, too.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import os
import sys
import threading
from collections.abc import Iterator
from typing import TextIO

from blazen_nb.peer.capture.line_log import LineLog
from blazen_nb.peer.capture.streams import repoint_handlers


@contextlib.contextmanager
def logged_descriptors() -> Iterator[None]:
    """Inside, what is written to the descriptors 1 and 2 becomes lines of the log; afterwards all is as before.

    Nothing changes on Windows, nor where the process was started without standard output and error.
    """
    if os.name != "posix" or sys.stdout is None or sys.stderr is None:
        yield
        return
    with contextlib.ExitStack() as stack:
        # Last to be undone: what still comes is logged to the original standard error.
        kept = [stack.enter_context(_kept(name)) for name in ("stdout", "stderr")]
        stack.enter_context(_faults_to(kept[1]))
        stack.enter_context(_in_children(kept))
        lines = LineLog(kept[1].buffer.fileno())
        pipes = [(lines.pipe(number), number) for number in (1, 2)]
        lines.start()
        stack.callback(lines.close)
        for pipe, number in pipes:
            stack.enter_context(_led_to(pipe, number))
        process = os.getpid()
        try:
            yield
        finally:
            if os.getpid() != process:
                stack.pop_all()  # a forked child leaves its parent's threads and pipes alone


class _KeptStream(io.TextIOWrapper):
    """A standard stream that writes where it did before, on another descriptor.

    Its number is still 1 or 2: a child process that is given the stream writes there.
    """

    number = 0

    def fileno(self) -> int:
        return self.number


@contextlib.contextmanager
def _kept(name: str) -> Iterator[_KeptStream]:
    before: TextIO = getattr(sys, name)
    before.flush()
    number = 1 if name == "stdout" else 2
    kept = _KeptStream(
        os.fdopen(os.dup(number), "wb"),
        encoding=before.encoding,
        errors=before.errors,
        line_buffering=name == "stderr" or getattr(before, "line_buffering", False),
    )
    kept.number = number
    setattr(sys, name, kept)
    try:
        yield kept
    finally:
        repoint_handlers(kept, before)
        if getattr(sys, name) is kept:
            setattr(sys, name, before)
        kept.close()


@contextlib.contextmanager
def _faults_to(stream: _KeptStream) -> Iterator[None]:
    """A crash is told where it was before: the threads that log die of it."""
    if not faulthandler.is_enabled():
        yield
        return
    faulthandler.enable(stream.buffer.fileno())
    try:
        yield
    finally:
        faulthandler.enable(2)


@contextlib.contextmanager
def _led_to(pipe: int, number: int) -> Iterator[None]:
    """The descriptor is the pipe's writing end, which is nowhere else."""
    before = os.dup(number)
    os.dup2(pipe, number)
    os.close(pipe)
    try:
        yield
    finally:
        os.dup2(before, number)
        os.close(before)


_kept_streams: list[_KeptStream] = []
"""Those of the process, for its forked children."""
_watch = threading.Lock()
_watches_forks = False


@contextlib.contextmanager
def _in_children(kept: list[_KeptStream]) -> Iterator[None]:
    """What a forked child prints through Python comes to the log, too."""
    global _watches_forks
    with _watch:
        if not _watches_forks:  # once for the process: it cannot be taken back
            os.register_at_fork(after_in_child=_join_descriptors)
            _watches_forks = True
    _kept_streams.extend(kept)
    try:
        yield
    finally:
        _kept_streams.clear()


def _join_descriptors() -> None:
    for stream in _kept_streams:
        os.dup2(stream.number, stream.buffer.fileno(), inheritable=False)
