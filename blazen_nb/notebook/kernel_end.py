"""Whether an interrupt is the beginning of the kernel's own end; interrupts nothing and ends nothing."""

from __future__ import annotations

import time
from typing import Any

_LOOK_SECONDS = 0.2
"""Jupyter interrupts a kernel, then tells it to end: that comes within some milliseconds, on a busy machine later."""
_TURN_SECONDS = 0.005


def is_told_to_end(shell: Any) -> bool:
    """True where this kernel is being restarted or shut down; False once it was not in a moment after an interrupt."""
    if getattr(shell, "kernel", None) is None:
        return False
    deadline = time.monotonic() + _LOOK_SECONDS
    while not getattr(
        shell, "exit_now", False
    ):  # the thread of the kernel's control channel says so
        if time.monotonic() > deadline:
            return False
        time.sleep(_TURN_SECONDS)
    return True
