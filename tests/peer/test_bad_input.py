"""What is wrong gets a typed error that says so, and changes nothing: the session and the peer go on."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from blazen_nb import (
    AsyncPeerClient,
    Context,
    PeerClient,
    PeerError,
    PeerServer,
    StartEvent,
    StopEvent,
    ValidationError,
    step,
)
from blazen_nb.client.requests import refused
from blazen_nb.client.waiters import BlockingReply
from blazen_nb.errors import (
    AssemblyError,
    AuthError,
    LimitError,
    ShippingError,
    TransportError,
    UnknownStepError,
)
from blazen_nb.shipping.cell import parse_cell
from blazen_nb.testing import LocalPeer
from blazen_nb.wire.limits import Limits
from blazen_nb.wire.parts import OPEN_FRAMES
from blazen_nb.wire.v1 import kernel_pb2 as pb
from tests.free_port import free_port
from tests.peer.conftest import SECONDS, StartCell

SECRET = "a-token-that-nobody-may-see"


@step(id="bad_input::echo")
def echo(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=ev.to_dict())


@step(id="bad_input::later", accepts=["Later"])
def later(ctx: Context, ev: Any) -> StopEvent:
    return StopEvent()


@step(id="bad_input::waits")
async def waits(ctx: Context, ev: StartEvent) -> StopEvent:
    await asyncio.Event().wait()
    return StopEvent()


@pytest.fixture
def unused_port() -> int:
    return free_port()


@pytest.fixture
def unchanged(client: PeerClient) -> Iterator[None]:
    """Afterwards the session answers, nothing runs, and the steps are the same."""
    before = client.describe()
    yield
    after = client.describe()
    assert (after.steps, after.runs, after.sessions) == (before.steps, before.runs, before.sessions)
    assert client.run_remote_workflow("w", ["bad_input::echo"], {"x": 1}).result == {"x": 1}


Call = Callable[[PeerClient], object]
REFUSED: list[tuple[str, type[Exception], str, Call]] = [
    ("unknown step", UnknownStepError, "nobody::knows",
     lambda c: c.run_remote_workflow("w", ["bad_input::echo", "nobody::knows"])),
    ("unknown step, started", UnknownStepError, "nobody::knows",
     lambda c: c.start_remote_workflow("w", ["nobody::knows"])),
    ("no steps", AssemblyError, "at least one step", lambda c: c.run_remote_workflow("w", [])),
    ("nobody starts", AssemblyError, "StartEvent",
     lambda c: c.run_remote_workflow("w", ["bad_input::later"])),
    ("a step twice", AssemblyError, "twice",
     lambda c: c.run_remote_workflow("w", ["bad_input::echo"] * 2)),
    ("one ID, not a list", ValidationError, "list of step IDs",
     lambda c: c.run_remote_workflow("w", "bad_input::echo")),
    ("functions for IDs", ValidationError, "list of step IDs",
     lambda c: c.run_remote_workflow("w", [echo])),  # type: ignore[list-item]
    ("half a character", ValidationError, "text",
     lambda c: c.run_remote_workflow("w \ud800", ["bad_input::echo"])),
    ("not JSON", ValidationError, "not JSON",
     lambda c: c.run_remote_workflow_json("w", ["bad_input::echo"], "{'single': 'quotes'}")),
    ("half JSON", ValidationError, "not JSON",
     lambda c: c.run_remote_workflow_json("w", ["bad_input::echo"], '{"a": ')),
    ("no text", ValidationError, "not JSON",
     lambda c: c.run_remote_workflow_json("w", ["bad_input::echo"], {"a": 1})),  # type: ignore[arg-type]
    ("deep JSON", ValidationError, "not JSON",
     lambda c: c.run_remote_workflow_json("w", ["bad_input::echo"], "[" * 100_000)),
    ("hidden type", ValidationError, "event_type",
     lambda c: c.run_remote_workflow_json("w", ["bad_input::echo"], '{"event_type": "mine"}')),
    ("negative timeout", ValidationError, "timeout",
     lambda c: c.run_remote_workflow("w", ["bad_input::echo"], timeout=-1)),
    ("negative timedelta", ValidationError, "timeout",
     lambda c: c.run_remote_workflow("w", ["bad_input::echo"], timeout=timedelta(seconds=-1))),
    ("no number", ValidationError, "timeout",
     lambda c: c.run_remote_workflow("w", ["bad_input::echo"], timeout=float("nan"))),
    ("for ever", ValidationError, "timeout",
     lambda c: c.run_remote_workflow("w", ["bad_input::echo"], timeout=float("inf"))),
    ("a function, not a list", ValidationError, "list of functions",
     lambda c: c.register_steps(len)),  # type: ignore[arg-type]
    ("no function", ShippingError, "no name",
     lambda c: c.register_steps([3])),  # type: ignore[list-item]
]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "match", "call"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
@pytest.mark.usefixtures("unchanged")
def test_a_bad_call_is_refused_with_its_reason_and_changes_nothing(
    client: PeerClient, error: type[Exception], match: str, call: Call
) -> None:
    with pytest.raises(error, match=match):
        call(client)


@pytest.mark.usefixtures("unchanged")
def test_large_messages_that_are_begun_and_never_ended_are_refused_beyond_a_number(
    client: PeerClient,
) -> None:
    replies = [BlockingReply() for _ in range(OPEN_FRAMES + 2)]
    for number, reply in enumerate(replies, 1):
        client._link.ask(reply, part=pb.Part(part_id=number, data=b"x"))
    for reply in replies[OPEN_FRAMES:]:
        refusal = refused(reply.wait(SECONDS).refusal)
        assert isinstance(refusal, LimitError)
        assert f"more than {OPEN_FRAMES} unfinished messages" in str(refusal)


@pytest.mark.usefixtures("unchanged")
def test_a_cell_that_asks_for_a_variable_it_does_not_set_says_so(start_cell: StartCell) -> None:
    from blazen_nb import WorkflowError

    with pytest.raises(WorkflowError, match="missing") as caught:
        start_cell("a = 1", outputs=["missing"]).result(SECONDS)
    assert isinstance(caught.value.__cause__, ShippingError)


def test_nobody_listening_is_a_transport_error_that_names_the_address(unused_port: int) -> None:
    with pytest.raises(TransportError, match=f"127.0.0.1:{unused_port}"):
        PeerClient.connect(f"127.0.0.1:{unused_port}", timeout=3)


def test_somebody_who_is_no_peer_is_a_transport_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(TransportError, match=f"127.0.0.1:{port}"):
            PeerClient.connect(f"127.0.0.1:{port}", timeout=0.5)


@pytest.mark.parametrize(
    "address", ["", "nonsense", "127.0.0.1", "127.0.0.1:port", "127.0.0.1:70000", "ftp://x:1"]
)
def test_what_is_no_address_is_refused_on_both_sides(address: str) -> None:
    with pytest.raises(ValidationError):
        PeerClient.connect(address)
    with PeerServer("n") as server:
        with pytest.raises(ValidationError):
            server.start(address)
        assert server.start("127.0.0.1:0")


def test_an_address_in_use_is_a_transport_error_and_the_server_can_be_started_elsewhere(
    peer: LocalPeer,
) -> None:
    with PeerServer("second") as server:
        with pytest.raises(TransportError, match="in use") as caught:
            server.start(peer.address)
        assert caught.value.kind == "Transport"
        assert server.start("127.0.0.1:0") != peer.address
    peer.client.ping()


def test_an_address_of_another_machine_cannot_be_bound() -> None:
    with (
        PeerServer("n", token=SECRET) as server,
        pytest.raises(TransportError, match="cannot listen"),
    ):
        server.start("192.0.2.1:0")


def test_a_server_serves_once() -> None:
    with PeerServer("n") as server:
        address = server.start("127.0.0.1:0")
        for again in (server.start, server.serve):
            with pytest.raises(ValidationError, match="serves once"):
                again("127.0.0.1:0")
        with PeerClient.connect(address) as client:
            client.ping()
    with pytest.raises(ValidationError, match="closed"):
        server.start("127.0.0.1:0")


def test_an_address_that_others_reach_needs_a_token() -> None:
    with PeerServer("n") as server, pytest.raises(ValidationError, match="BLAZEN_PEER_TOKEN"):
        server.start("0.0.0.0:0")


async def test_every_call_of_a_closed_client_is_refused(peer: LocalPeer) -> None:
    with peer.connect() as client:
        pass
    cell = parse_cell("1", label="cell [1]", first_line=2)
    calls: list[Callable[[Any], Any]] = [
        lambda c: c.describe(),
        lambda c: c.ping(),
        lambda c: c.find_names(["a"]),
        lambda c: c.register_steps([echo]),
        lambda c: c.run_remote_workflow("w", ["bad_input::echo"]),
        lambda c: c.run_remote_workflow_json("w", ["bad_input::echo"], "{}"),
        lambda c: c.start_remote_workflow("w", ["bad_input::echo"]),
        lambda c: c.start_cell(cell),
    ]
    for call in calls:
        with pytest.raises(ValidationError, match="closed"):
            call(client)
    async with await AsyncPeerClient.connect(peer.address) as awaited:
        pass
    for call in calls:
        with pytest.raises(ValidationError, match="closed"):
            await call(awaited)
    client.close()
    await awaited.close()


def test_closing_a_client_ends_the_calls_that_wait(peer: LocalPeer) -> None:
    client = peer.connect()
    errors: list[BaseException] = []

    def call() -> None:
        try:
            client.run_remote_workflow("w", ["bad_input::waits"])
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    while not peer.client.describe().runs:
        pass
    client.close()
    thread.join(SECONDS)
    assert [type(error) for error in errors] == [TransportError]


@pytest.mark.parametrize("token", ["wrong", SECRET[:-1], SECRET + "x", None])
def test_a_wrong_token_is_an_auth_error_that_shows_no_token(token: str | None) -> None:
    with LocalPeer(token=SECRET) as peer:
        with pytest.raises(AuthError) as caught:
            PeerClient.connect(peer.address, token=token)
        assert SECRET not in repr(caught.value)
        assert token in (None, "wrong") or token not in str(caught.value)
        assert peer.client.describe().sessions == 1


def test_more_than_the_peer_admits_is_a_limit_error_and_passes() -> None:
    with LocalPeer(limits=Limits(concurrent_runs=1, sessions=2)) as peer:
        handle = peer.client.start_remote_workflow("w", ["bad_input::waits"])
        with pytest.raises(LimitError, match="its limit"):
            peer.client.run_remote_workflow("w", ["bad_input::echo"])
        handle.cancel()
        with pytest.raises(Exception, match="cancelled"):
            handle.result(SECONDS)
        assert peer.client.run_remote_workflow("w", ["bad_input::echo"]).result == {}
        with peer.connect(), pytest.raises(PeerError, match="as many sessions"):
            peer.connect()
        with peer.connect() as again:
            again.ping()


def test_a_peer_that_accepts_no_code_refuses_cells_and_functions_and_runs_its_own() -> None:
    with LocalPeer(accept_code="never") as peer:
        cell = parse_cell("1 + 1", label="cell [1]", first_line=2)
        with pytest.raises(AuthError, match="does not accept code"):
            peer.client.start_cell(cell)
        with pytest.raises(AuthError, match="does not accept code"):
            peer.client.register_steps([plain_function])
        with pytest.raises(ShippingError, match="may not run code"):
            peer.client.run_remote_workflow("w", ["bad_input::echo"], {"path": Path("x")})
        assert peer.client.run_remote_workflow("w", ["bad_input::echo"], {"x": 1}).result == {
            "x": 1
        }


def plain_function(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=None)
