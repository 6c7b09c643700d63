"""Errors to gRPC status codes and back, by one table; no error of gRPC passes this module.

A failed step is no status: it is an answer, and travels in it. A status says that there is no answer.
"""

from __future__ import annotations

from typing import Literal

import grpc
import grpc.aio

from blazen_nb.errors import (
    AssemblyError,
    AuthError,
    BlazenError,
    EncodeError,
    EnvelopeVersionError,
    LimitError,
    RunLostError,
    SessionRefError,
    TransportError,
    UnknownStepError,
    UnsupportedError,
    ValidationError,
    WorkflowCancelledError,
    WorkflowTimeoutError,
    text_of,
)

Call = Literal["run", "ref", "peer"]
"""What a call was about: running steps, a session ref, or the peer itself."""

_RUN: tuple[Call, ...] = ("run",)
_REF: tuple[Call, ...] = ("ref",)
_ANY: tuple[Call, ...] = ("run", "ref", "peer")
_NOT_READ: tuple[Call, ...] = ()

_Code = grpc.StatusCode

# Error, its status, and the calls in whose answer that status means this error again. The first row that fits counts,
# in both directions; a status without a row is trouble on the way.
#
# DEADLINE_EXCEEDED: the peer enforces a run's timeout and says so in its answer. The client's deadline is a little
# later, so when it passes the run has had its time and the peer said nothing: for the caller a timed-out workflow.
# Any other call has no time of its own: there it is a peer that does not answer.
# CANCELLED: the caller's own cancellation never gets here (asyncio raises it as it is), so this is the peer's.
_TABLE: tuple[tuple[type[BlazenError], grpc.StatusCode, tuple[Call, ...]], ...] = (
    (TransportError, _Code.UNAVAILABLE, _ANY),
    (EncodeError, _Code.INVALID_ARGUMENT, _ANY),
    (ValidationError, _Code.INVALID_ARGUMENT, _NOT_READ),
    (EnvelopeVersionError, _Code.FAILED_PRECONDITION, _ANY),
    (UnknownStepError, _Code.NOT_FOUND, _RUN),
    (SessionRefError, _Code.NOT_FOUND, _REF),
    (AssemblyError, _Code.INTERNAL, _RUN),
    (AuthError, _Code.UNAUTHENTICATED, _ANY),
    (AuthError, _Code.PERMISSION_DENIED, _ANY),
    (LimitError, _Code.RESOURCE_EXHAUSTED, _ANY),
    (LimitError, _Code.OUT_OF_RANGE, _ANY),
    (UnsupportedError, _Code.UNIMPLEMENTED, _ANY),
    (WorkflowTimeoutError, _Code.DEADLINE_EXCEEDED, _RUN),
    (WorkflowCancelledError, _Code.CANCELLED, _RUN),
    (RunLostError, _Code.ABORTED, _RUN),
)

# Details travel in an HTTP/2 trailer that both sides limit to 8 KiB, up to 12 of them for one character.
_LONGEST_DETAILS = 600


def status_of(error: BaseException) -> tuple[grpc.StatusCode, str]:
    """The status and details that tell a caller of this error.

    An exception that is not one of ours is a fault of the peer: the caller learns its type and nothing from inside.
    """
    for cls, code, _ in _TABLE:
        if isinstance(error, cls):
            return code, _details(text_of(error))
    if isinstance(error, BlazenError):
        return _Code.UNKNOWN, _details(text_of(error))
    return _Code.UNKNOWN, f"the peer failed with {type(error).__name__}; its log says more"


def error_of(
    code: grpc.StatusCode, details: str | None, *, what: Call, peer: str = "the peer"
) -> BlazenError:
    """The error that a status means.

    Args:
        code: The status of the call.
        details: The peer's words, or gRPC's own.
        what: What the call was about; NOT_FOUND is an unknown step in one and an unknown ref in another.
        peer: How messages name the peer.
    """
    for cls, status, calls in _TABLE:
        if status is code and what in calls and cls is not TransportError:
            return cls(_message(code, details, peer))
    return TransportError(_message(code, details, peer))


def from_rpc_error(error: grpc.RpcError, *, what: Call, peer: str = "the peer") -> BlazenError:
    """The error that a failed call means; raise it ``from None``, for gRPC's own frames help nobody.

    Args:
        error: What a call of grpc or grpc.aio raised.
        what: What the call was about.
        peer: How messages name the peer.
    """
    if not isinstance(error, grpc.Call | grpc.aio.AioRpcError):
        return TransportError(f"the call to {peer} failed ({type(error).__name__}); connect again")
    return error_of(error.code() or _Code.UNKNOWN, error.details(), what=what, peer=peer)


def _message(code: grpc.StatusCode, details: str | None, peer: str) -> str:
    said = details or f"{peer} answered {code.name} and said no more"
    if code is _Code.UNAVAILABLE:
        return f"cannot reach {peer}: {said}; check that it runs and that the address is right"
    if code is _Code.DEADLINE_EXCEEDED:
        return f"timed out: {peer} did not answer in time; check that it still runs, or allow more time"
    if code is _Code.UNIMPLEMENTED:
        return f"{peer} cannot do that: {said}"
    return said


def _details(text: str) -> str:
    return text if len(text) <= _LONGEST_DETAILS else text[: _LONGEST_DETAILS - 1] + "…"
