"""The exit statuses of ``blazen-nb``; one who waits for a run in a script asks them."""

from __future__ import annotations

from blazen_nb.errors import BlazenError, RunLostError, WorkflowCancelledError, WorkflowTimeoutError

FAILED = 1
"""A step failed, or the command could not do what it was told: there is no such peer, no such run."""
TIMED_OUT = 3
CANCELLED = 4
LOST = 5
"""How the run ended is not known here: its peer is gone, or cannot be reached any more."""
INTERRUPTED = 130
"""As shells have it for Ctrl-C."""
NOBODY_READS = 141
"""As shells have it for a pipe that was closed."""

ABOUT = f"""\
exit status: 0 the run succeeded; {FAILED} it failed, or the command did; {TIMED_OUT} it timed out; {CANCELLED} it was \
cancelled; {LOST} it is lost, or out of reach; {INTERRUPTED} interrupted"""


def status_of(error: BlazenError) -> int:
    """The exit status of a command that ends with this error."""
    match error:
        case WorkflowTimeoutError():
            return TIMED_OUT
        case WorkflowCancelledError():
            return CANCELLED
        case RunLostError():
            return LOST
    return FAILED
