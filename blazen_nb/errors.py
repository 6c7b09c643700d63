"""Every error that blazen_nb raises; the lowest layer, it imports nothing of the package.

    BlazenError
      PeerError                      the peer or the way to it; .kind tells which
        TransportError               "Transport": nobody listens, the connection broke, the bind failed
          DamagedError               bytes of a value are not those that were sent
        EncodeError                  "Encode": a value or a payload does not fit the wire
        EnvelopeVersionError         "EnvelopeVersion": the other side speaks a newer envelope
        TlsError                     "Tls": certificates
        UnknownStepError             "UnknownStep": a step ID that the peer does not know
        AssemblyError                "Workflow": the steps are known but make no workflow
        AuthError                    "Auth": the token was refused
        LimitError                   "Limit": more than the peer admits
        UnsupportedError             "Unsupported": this peer cannot do that
      WorkflowError                  a step ran and failed, or the run ended badly
        WorkflowTimeoutError         also a builtin TimeoutError
        WorkflowCancelledError
        RunLostError
      ValidationError                misuse on this side, found before anything was sent
      ShippingError                  the cell, a function or a value cannot travel
        EnvironmentMismatchError     it could, but not between these two Python versions
      InputTimeoutError              also a builtin TimeoutError: nobody answered a step's question in time
      SessionRefError
      SnapshotError                  also a builtin RuntimeError: a run cannot be stored, or a stored one not read
      JournalError

Two axes: *where it went wrong* is the class, *what happened in the step* is the cause: a WorkflowError is the
outcome of a run, and its ``__cause__`` is the original exception wherever that can be rebuilt here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

PeerErrorKind = Literal[
    "Transport",
    "Encode",
    "EnvelopeVersion",
    "Tls",
    "UnknownStep",
    "Workflow",
    "Auth",
    "Limit",
    "Unsupported",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureFrame:
    """One frame of a traceback, without any path of the machine it came from."""

    label: str
    """``cell [3]`` for notebook code, else the file relative to its package (``sklearn/svm/_base.py``)."""
    line: int
    function: str
    source: str
    """The source line, stripped; empty where it is not known."""
    in_cell: bool
    """True for the user's own cells: these frames come first in what a person sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What a step's exception was, as plain data that crosses the wire and can be rendered."""

    type_name: str
    """``ZeroDivisionError``; qualified with its module where it is not a builtin."""
    message: str
    notes: tuple[str, ...] = ()
    step_id: str | None = None
    attempt: int = 1
    frames: tuple[FailureFrame, ...] = ()
    traceback: str = ""
    """The traceback as text, innermost call last, library paths package-relative."""
    exception: tuple[str, bytes] | None = None
    """The exception object as (codec tag, payload), where it could be encoded."""

    @property
    def headline(self) -> str:
        """``ZeroDivisionError: division by zero``."""
        return f"{self.type_name}: {self.message}" if self.message else self.type_name


def unicode_of(text: str) -> str:
    """The text with ``?`` for each lone surrogate: those have no UTF-8, and no frame could carry them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def text_of(error: BaseException) -> str:
    """What the exception says, as a frame can carry it; a stand-in where its class fails to say it."""
    try:
        return unicode_of(str(error))
    except Exception:  # __str__ of a user's class
        return "<its message cannot be shown>"


def _rebuild(
    cls: type[BlazenError], args: tuple[Any, ...], attributes: dict[str, Any]
) -> BlazenError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(attributes)
    return error


class BlazenError(Exception):
    """Root of every error of this package."""

    shown_briefly = False
    """Set by a magic: the notebook shows the message, not the frames between the cell and it."""

    @property
    def _render_traceback_(self) -> Callable[[], list[str]]:
        # IPython asks with hasattr: an AttributeError makes it show its usual traceback.
        if not self.shown_briefly:
            raise AttributeError("_render_traceback_")
        return self._brief_lines

    def _brief_lines(self) -> list[str]:
        return f"{type(self).__name__}: {self}".splitlines()

    def __reduce__(self) -> tuple[Any, ...]:
        # The default reduction calls the class with args only and fails for required keyword arguments.
        return _rebuild, (type(self), self.args, dict(self.__dict__))


class PeerError(BlazenError):
    """The peer, or the way to it, failed before or beside the run itself."""

    kind: ClassVar[PeerErrorKind] = "Transport"


class TransportError(PeerError):
    """Nobody listens, the connection broke, or the address cannot be bound."""

    kind = "Transport"


class DamagedError(TransportError):
    """Bytes of a value arrived that are not those that were sent, and when sent again they were not either."""


class EncodeError(PeerError):
    """A value or a payload cannot be written to, or read from, the wire."""

    kind = "Encode"


class EnvelopeVersionError(PeerError):
    """The other side speaks a newer envelope version; upgrade the older side."""

    kind = "EnvelopeVersion"


class TlsError(PeerError):
    """A certificate or key is missing, unreadable or not trusted."""

    kind = "Tls"


class UnknownStepError(PeerError):
    """A step ID that is not registered on the peer."""

    kind = "UnknownStep"


class AssemblyError(PeerError):
    """The steps are known, but they cannot be assembled into a workflow."""

    kind = "Workflow"


class AuthError(PeerError):
    """The peer refused the token."""

    kind = "Auth"


class LimitError(PeerError):
    """More than the peer admits; the message says what, how much and when to try again."""

    kind = "Limit"


class UnsupportedError(PeerError):
    """The peer cannot do what was asked; the message names the feature."""

    kind = "Unsupported"


_KINDS: dict[str, type[PeerError]] = {
    cls.kind: cls
    for cls in (
        TransportError,
        EncodeError,
        EnvelopeVersionError,
        TlsError,
        UnknownStepError,
        AssemblyError,
        AuthError,
        LimitError,
        UnsupportedError,
    )
}


def peer_error(kind: str, message: str) -> PeerError:
    """The PeerError subclass of this kind; a kind this version does not know becomes a plain PeerError."""
    return _KINDS.get(kind, PeerError)(message)


def refused_with(kind: str, message: str) -> BlazenError:
    """The error that a peer's refusal stands for: a PeerError's kind, or the name of another class of this module."""
    cls = globals().get(kind)
    if isinstance(cls, type) and issubclass(cls, BlazenError):
        return cls(message)
    return peer_error(kind, message)


class WorkflowError(BlazenError):
    """A step ran and failed, or the run ended badly; the original exception is the cause where it can be rebuilt."""

    def __init__(
        self,
        message: str,
        *,
        run_id: str | None = None,
        step_id: str | None = None,
        peer: str | None = None,
        failure: Failure | None = None,
    ) -> None:
        super().__init__(message)
        self.run_id = run_id
        self.step_id = step_id
        self.peer = peer
        """The node ID of the peer; None for a run in this process."""
        self.failure = failure

    @property
    def remote_traceback(self) -> str:
        """The step's traceback on the peer as text; empty for a run in this process."""
        return self.failure.traceback if self.failure else ""

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes that the original exception carried (PEP 678)."""
        return self.failure.notes if self.failure else tuple(getattr(self, "__notes__", ()))

    @property
    def _render_traceback_(self) -> Callable[[], list[str]]:
        # A remote step's own lines say more than this kernel's frames, wherever the error is shown.
        if self.failure is None and not self.shown_briefly:
            raise AttributeError("_render_traceback_")
        return self._brief_lines

    def _brief_lines(self) -> list[str]:
        if self.failure is None:
            return super()._brief_lines()
        where = [self.step_id and f"step {self.step_id}", self.peer and f"on {self.peer}"]
        head = f"{type(self).__name__}: " + ", ".join(part for part in where if part)
        return [head, *self.remote_traceback.splitlines()]


class WorkflowTimeoutError(WorkflowError, TimeoutError):
    """The workflow, or a step, took longer than it was given."""


class WorkflowCancelledError(WorkflowError):
    """The run was cancelled."""


class RunLostError(WorkflowError):
    """The peer went away or restarted, and what became of the run is not known."""


class ValidationError(BlazenError):
    """Misuse on this side, found before anything was sent or changed."""


class ShippingError(BlazenError):
    """A cell, a function or a value cannot travel to the peer, or not back."""


class EnvironmentMismatchError(ShippingError):
    """It can only travel as bytecode, and the two sides run different Python minor versions."""


class InputTimeoutError(BlazenError, TimeoutError):
    """Nobody answered a step's question in the time that it gave."""


class SessionRefError(BlazenError):
    """A session ref is unknown, released, or belongs elsewhere."""


class SnapshotError(BlazenError, RuntimeError):
    """A run cannot be stored as it is, or what was stored cannot be read or resumed here."""


class JournalError(BlazenError):
    """The journal cannot be opened, written or read."""
