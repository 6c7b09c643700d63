from __future__ import annotations

import os
import pickle
import subprocess
import sys

import grpc
import grpc.aio
import pytest

from blazen_nb import errors
from blazen_nb.wire.status import Call, error_of, from_rpc_error, status_of

KINDS: list[tuple[type[errors.PeerError], grpc.StatusCode]] = [
    (errors.TransportError, grpc.StatusCode.UNAVAILABLE),
    (errors.EncodeError, grpc.StatusCode.INVALID_ARGUMENT),
    (errors.EnvelopeVersionError, grpc.StatusCode.FAILED_PRECONDITION),
    (errors.UnknownStepError, grpc.StatusCode.NOT_FOUND),
    (errors.AssemblyError, grpc.StatusCode.INTERNAL),
    (errors.AuthError, grpc.StatusCode.UNAUTHENTICATED),
    (errors.LimitError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (errors.UnsupportedError, grpc.StatusCode.UNIMPLEMENTED),
]


@pytest.mark.parametrize(("cls", "code"), KINDS)
def test_each_kind_has_one_status_both_ways(
    cls: type[errors.PeerError], code: grpc.StatusCode
) -> None:
    assert status_of(cls("what happened")) == (code, "what happened")
    back = error_of(code, "what happened", what="run", peer="gpu:8000")
    assert type(back) is cls
    assert "what happened" in str(back)


def test_every_kind_that_can_happen_during_a_call_is_covered() -> None:
    assert {cls.kind for cls, _ in KINDS} == set(errors._KINDS) - {"Tls"}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.WorkflowTimeoutError("late"), grpc.StatusCode.DEADLINE_EXCEEDED),
        (errors.WorkflowCancelledError("cancelled"), grpc.StatusCode.CANCELLED),
        (errors.RunLostError("lost"), grpc.StatusCode.ABORTED),
    ],
)
def test_how_a_run_ended_has_a_status_both_ways(
    error: errors.WorkflowError, code: grpc.StatusCode
) -> None:
    assert status_of(error)[0] is code
    assert type(error_of(code, "x", what="run")) is type(error)


def test_the_words_of_the_peer_come_back_unchanged() -> None:
    said = "unknown step id `my_app::analyze`"
    assert str(error_of(grpc.StatusCode.NOT_FOUND, said, what="run")) == said


def test_not_found_is_about_what_the_call_was_about() -> None:
    assert status_of(errors.SessionRefError("no such ref")) == (
        grpc.StatusCode.NOT_FOUND,
        "no such ref",
    )
    found: dict[Call, type] = {
        call: type(error_of(grpc.StatusCode.NOT_FOUND, "x", what=call))
        for call in ("run", "ref", "peer")
    }
    assert found == {
        "run": errors.UnknownStepError,
        "ref": errors.SessionRefError,
        "peer": errors.TransportError,
    }


def test_a_passed_deadline_is_a_timeout_of_a_run_and_silence_elsewhere() -> None:
    run = error_of(
        grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", what="run", peer="gpu:8000"
    )
    assert isinstance(run, errors.WorkflowTimeoutError)
    assert isinstance(run, TimeoutError)
    assert "timed out" in str(run)
    assert "gpu:8000" in str(run)
    assert isinstance(
        error_of(grpc.StatusCode.DEADLINE_EXCEEDED, None, what="peer"), errors.TransportError
    )


@pytest.mark.parametrize("code", list(grpc.StatusCode))
@pytest.mark.parametrize("what", ["run", "ref", "peer"])
@pytest.mark.parametrize("details", ["words", "", None])
def test_every_status_becomes_an_error_of_ours_that_says_something(
    code: grpc.StatusCode, what: Call, details: str | None
) -> None:
    error = error_of(code, details, what=what)
    assert isinstance(error, errors.BlazenError)
    assert str(error)
    assert type(pickle.loads(pickle.dumps(error))) is type(error)


def test_a_peer_that_cannot_be_reached_is_named_with_what_to_check() -> None:
    error = error_of(
        grpc.StatusCode.UNAVAILABLE, "connection refused", what="peer", peer="gpu:8000"
    )
    assert str(error) == (
        "cannot reach gpu:8000: connection refused; check that it runs and that the address is right"
    )


def test_a_subclass_travels_as_the_class_it_belongs_to() -> None:
    class OwnLimit(errors.LimitError):
        pass

    assert status_of(OwnLimit("full"))[0] is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_misuse_found_by_the_peer_is_an_invalid_argument() -> None:
    assert status_of(errors.ValidationError("no"))[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_a_fault_of_the_peer_itself_tells_its_type_only() -> None:
    code, details = status_of(KeyError("/home/someone/secret"))
    assert code is grpc.StatusCode.UNKNOWN
    assert "KeyError" in details
    assert "secret" not in details


def test_long_and_unpaired_text_fits_a_trailer() -> None:
    _, details = status_of(errors.LimitError("\ud800" + "😀" * 5_000))
    assert details.startswith("?😀")
    assert details.endswith("…")
    assert len(details.encode()) * 3 < 8_192


def aio_error(code: grpc.StatusCode, details: str | None) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details=details)


def test_an_error_of_grpc_aio_becomes_ours() -> None:
    error = from_rpc_error(aio_error(grpc.StatusCode.RESOURCE_EXHAUSTED, "full"), what="run")
    assert type(error) is errors.LimitError
    assert str(error) == "full"


def test_an_error_of_a_blocking_call_becomes_ours() -> None:
    with grpc.insecure_channel("127.0.0.1:1") as channel:
        call = channel.unary_unary("/blazen.peer.v1.BlazenPeer/InvokeSubWorkflow")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"", timeout=5)
    error = from_rpc_error(caught.value, what="run", peer="127.0.0.1:1")
    assert type(error) is errors.TransportError
    assert "cannot reach 127.0.0.1:1" in str(error)


def test_a_grpc_error_without_a_status_is_trouble_on_the_way() -> None:
    assert isinstance(from_rpc_error(grpc.RpcError(), what="peer"), errors.TransportError)


@pytest.mark.parametrize(("given", "seen"), [(None, "0"), ("1", "1")])
def test_fork_support_is_off_before_grpc_loads_unless_set(given: str | None, seen: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "GRPC_ENABLE_FORK_SUPPORT"}
    if given is not None:
        environment["GRPC_ENABLE_FORK_SUPPORT"] = given
    code = (
        "import sys, blazen_nb.wire, os; assert 'grpc' not in sys.modules; "
        "print(os.environ['GRPC_ENABLE_FORK_SUPPORT'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=9,
    )
    assert done.stdout.strip() == seen
