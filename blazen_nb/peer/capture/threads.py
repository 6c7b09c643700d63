"""Threads and pools used inside a step belong to that step.

It knows how work gets onto other threads, and nothing of streams or displays.
"""

from __future__ import annotations

import contextvars
import functools
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from blazen_nb.peer.capture.patches import Patches
from blazen_nb.peer.capture.scope import current, muted

_SHARED_BY_STEPS = "tqdm._monitor"
"""Where the one thread is defined that redraws the bars of all steps, whichever step started it."""


def follow_threads(patches: Patches) -> None:
    """Have threads started, and work given to a thread pool, inside a step carry on its context."""
    # 3.14 has it built in, as a flag that is off in the ordinary build.
    if not getattr(sys.flags, "thread_inherit_context", False):
        patches.attribute(threading.Thread, "start", _following_start(threading.Thread.start))
    patches.attribute(ThreadPoolExecutor, "submit", _following_submit(ThreadPoolExecutor.submit))


def _following_start(
    start: Callable[[threading.Thread], None],
) -> Callable[[threading.Thread], None]:
    @functools.wraps(start)
    def start_following(thread: threading.Thread) -> None:
        if current.get() is not None and type(thread).__module__ != _SHARED_BY_STEPS:
            thread.__dict__["run"] = functools.partial(
                contextvars.copy_context().run, _run_in_step, thread, thread.run
            )
        start(thread)

    return start_following


def _run_in_step(thread: threading.Thread, run: Callable[[], None]) -> None:
    try:
        run()
    except BaseException:
        # Reported here: once run() has returned, the traceback would no longer be the step's.
        threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), thread)))
    finally:
        thread.__dict__.pop("run", None)


def _following_submit(submit: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
    @functools.wraps(submit)
    def submit_following(
        pool: ThreadPoolExecutor, function: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Future[Any]:
        if current.get() is None:
            return submit(pool, function, *args, **kwargs)
        context = contextvars.copy_context()
        # The pool's threads outlive the step: one started here must not belong to it.
        with muted():
            return submit(pool, context.run, function, *args, **kwargs)

    return submit_following
