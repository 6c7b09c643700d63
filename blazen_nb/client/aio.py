"""The async client: awaitable calls from the user's own loop; the connection itself lives on the I/O loop."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

from blazen_nb.client.aio_handle import AsyncRunHandle
from blazen_nb.client.aio_runs import AsyncRunCalls
from blazen_nb.client.connecting import open_link
from blazen_nb.client.device_calls import AsyncDeviceCalls
from blazen_nb.client.feed import RunFeed
from blazen_nb.client.link import PeerLink
from blazen_nb.client.ref_calls import AsyncRefCalls
from blazen_nb.client.requests import (
    ANSWER_SECONDS,
    LATER_SECONDS,
    FoundNames,
    PeerInfo,
    answer_of,
    cell_request,
    encoded_input,
    found_names,
    info_of,
    json_input,
    no_answer,
    start_request,
)
from blazen_nb.client.results import result_of
from blazen_nb.client.run_requests import lost_call
from blazen_nb.client.shipped_steps import steps_bundle
from blazen_nb.client.transferring import acopies_for
from blazen_nb.client.waiters import AsyncReply
from blazen_nb.engine.result import WorkflowResult
from blazen_nb.errors import TransportError, WorkflowTimeoutError
from blazen_nb.shipping.cell import CellSource
from blazen_nb.shipping.code import CodeBundle
from blazen_nb.wire import io_loop
from blazen_nb.wire.messages import bundle_message
from blazen_nb.wire.tls import ClientTls
from blazen_nb.wire.v1 import kernel_pb2 as pb


class AsyncPeerClient(AsyncRefCalls, AsyncRunCalls, AsyncDeviceCalls):
    """A session with a peer, for code that awaits. ``connect`` makes one; close it, or use ``async with``.

    Many calls may be in flight at once, from any number of tasks and loops; they share one connection.
    """

    def __init__(self, io: io_loop.IoLoop, link: PeerLink, trust_peer: bool) -> None:
        self._io = io
        self._link = link
        self._trusted = trust_peer or link.is_trusted
        link.refs.trusted = self._trusted

    @classmethod
    async def connect(
        cls,
        address: str,
        node_id: str | None = None,
        *,
        token: str | None = None,
        tls: ClientTls | None = None,
        timeout: float = 10,
        namespace: str | None = None,
        trust_peer: bool = False,
        reconnect: float = 600,
    ) -> AsyncPeerClient:
        """A client whose session with the peer is open.

        Args:
            address: ``host:port``, ``:port``, ``http://host:port``, ``https://host:port``, ``unix:PATH``, or
                ``local``: the newest peer of this user on this machine.
            node_id: This client's name in the peer's log; default the host's name.
            token: The peer's token; default BLAZEN_PEER_TOKEN, else the connection file of that address.
            tls: What ``load_client_tls`` made; default, for an ``https://`` address, the files that BLAZEN_PEER_CA,
                BLAZEN_PEER_CERT and BLAZEN_PEER_KEY name. A peer's connection file says all that is needed.
            timeout: Seconds to wait for the peer.
            namespace: The namespace to work in; default one private to this session.
            trust_peer: Open values that the peer pickled although it is neither on this machine nor known by TLS.
            reconnect: Seconds for which a client whose connection broke tries to come back by itself; what waits goes
                on when it does, and calls that wait for one answer fail after a minute. 0 = it does not.

        Raises:
            ValidationError: Not an address, or no local peer runs.
            TransportError: Nobody listens there, it does not answer, or one side speaks TLS and the other does not.
            TlsError: A PEM file is bad, or the peer's certificate is not trusted.
            AuthError: The token was refused, or the peer asks for a certificate that it did not get.

        A peer that speaks only Blazen's own wire runs the steps it knows; whatever else is asked of it raises
        UnsupportedError, which names it.
        """
        io = io_loop.acquire()
        try:
            link = await io.awaited(
                open_link(
                    io,
                    address,
                    node_id=node_id,
                    token=token,
                    tls=tls,
                    namespace=namespace,
                    timeout=timeout,
                    reconnect=reconnect,
                )
            )
        except BaseException:
            io_loop.release(io)
            raise
        return cls(io, link, trust_peer)

    async def describe(self) -> PeerInfo:
        """What the peer is and does right now."""
        return info_of(await self._ask("description", urgent=True, describe=pb.Describe()))

    async def ping(self) -> None:
        """Return once the peer has answered."""
        await self._ask("pong", urgent=True, ping=pb.Ping())

    async def find_names(self, names: Iterable[str]) -> FoundNames:
        """Which of the names the session's namespace has, so that a cell need not bring them along."""
        request = pb.FindNames(names=list(names))
        return found_names(await self._ask("missing_names", find_names=request))

    async def send_code(self, bundle: CodeBundle) -> None:
        """Return once what is in the bundle is in the session's namespace.

        Raises:
            ShippingError: It cannot be made there.
        """
        await self._ask("registered", register_code=pb.RegisterCode(bundle=bundle_message(bundle)))

    async def register_steps(self, functions: Sequence[Callable[..., Any]]) -> list[str]:
        """The IDs under which the peer now knows these functions as steps of the session's namespace.

        Their source travels, with the names it needs; a function without source travels by value between equal
        Python minors.

        Raises:
            ShippingError: One of them cannot travel.
            EnvironmentMismatchError: It could, but not between these two Python versions.
        """
        request = steps_bundle(functions, self._link)
        return list((await self._ask("registered", register_code=request)).step_ids)

    async def run_remote_workflow(
        self,
        workflow_name: str,
        step_ids: Sequence[str],
        input: Any = None,
        timeout: float | timedelta | None = None,
        *,
        transfer: bool = False,
    ) -> WorkflowResult:
        """The result of one run of these steps on the peer. A caller that is cancelled cancels the run.

        Args:
            workflow_name: A label for people.
            step_ids: Steps that the peer knows.
            input: The StartEvent's fields, where it is a dict; None = no fields.
            timeout: Seconds, rounded up to whole ones; None or 0 = the peer's default.
            transfer: Values behind RemoteRefs of other peers in the input come along, as copies that this run alone
                uses; such refs are refused else. What they refer to stays where it is, too.

        Raises:
            SessionRefError: A RemoteRef in the input belongs to another peer, or its value is gone.
            ShippingError: A value to transfer is pickled, and this client does not trust the peer that has it.
            UnknownStepError: A step is not registered on the peer.
            WorkflowError: A step failed; its exception is the cause.
            WorkflowTimeoutError: It took too long.
        """
        with await acopies_for(input, self._link, transfer=transfer) as copies:
            value = encoded_input(input, self._link, copies)
            request = start_request(workflow_name, step_ids, value, timeout, updates=False)
            return await self._run(request)

    async def run_remote_workflow_json(
        self,
        workflow_name: str,
        step_ids: Sequence[str],
        json_text: str,
        timeout: float | timedelta | None = None,
    ) -> WorkflowResult:
        """As ``run_remote_workflow``, with JSON text in and ``result.event.data_json`` as it came.

        Raises:
            ValidationError: The text is not JSON.
        """
        request = start_request(
            workflow_name, step_ids, json_input(json_text), timeout, updates=False
        )
        return await self._run(request)

    async def start_remote_workflow(
        self,
        workflow_name: str,
        step_ids: Sequence[str],
        input: Any = None,
        timeout: float | timedelta | None = None,
        *,
        durable: bool | None = None,
        transfer: bool = False,
    ) -> AsyncRunHandle:
        """A handle of a run that the peer has accepted; it goes on when the client goes away.

        Arguments and errors as for ``run_remote_workflow``; a run's own failure is raised by ``result()``.

        Args:
            durable: Whether it survives the peer's process; default where the peer has a journal. ``handle.durable``
                tells.

        Raises:
            UnsupportedError: It is to be durable, and the peer has no journal.
            JournalError: The journal does not take it.
        """
        with await acopies_for(input, self._link, transfer=transfer) as copies:
            value = encoded_input(input, self._link, copies)
            request = start_request(
                workflow_name, step_ids, value, timeout, updates=True, durable=durable
            )
            return await self._start(request, workflow_name)

    async def start_cell(
        self,
        cell: CellSource,
        *,
        bundle: CodeBundle | None = None,
        input: Any = None,
        timeout: float | timedelta | None = None,
        outputs: Iterable[str] = (),
        keep_values: bool = False,
        transfer: bool = False,
    ) -> AsyncRunHandle:
        """A handle of a cell's run in the session's namespace.

        Args:
            bundle: What the cell needs from the notebook.
            outputs: Variables whose values come back in ``result().outputs``: values above 1 MiB, and those that
                cannot travel, as RemoteRefs.
            keep_values: All of them, and the result, as RemoteRefs.
            transfer: As for ``run_remote_workflow``; what is in the bundle goes as it is.
        """
        with await acopies_for(input, self._link, transfer=transfer) as copies:
            value = encoded_input(input, self._link, copies)
            request = cell_request(
                cell, bundle or CodeBundle(), value, timeout, outputs, keep_values
            )
            return await self._start(request, cell.label)

    async def close(self) -> None:
        """End the session; calls that wait fail. Idempotent."""
        if not self._link.claim_end():
            return
        await self._io.awaited(self._link.shut())
        await asyncio.to_thread(io_loop.release, self._io)

    async def _ask(self, answer: str, *, urgent: bool = False, **request: Any) -> Any:
        reply = AsyncReply(self._link.mail())
        self._link.ask(reply, urgent=urgent, **request)
        try:
            return answer_of(await reply.wait(ANSWER_SECONDS), answer)
        except TimeoutError:
            raise no_answer(self._link, ANSWER_SECONDS) from None

    async def _run(self, request: pb.StartRun) -> WorkflowResult:
        reply = AsyncReply(self._link.mail())
        self._link.ask(reply, start_run=request)
        limit = request.timeout_secs + LATER_SECONDS if request.timeout_secs else None
        try:
            frame = await reply.wait(limit)
        except TimeoutError:
            self._link.cancel(request.run_id, "the client stopped waiting")
            raise WorkflowTimeoutError(
                f"timed out: no result from {self.node_id} in time"
            ) from None
        except TransportError as error:
            raise lost_call(request, self._link, error) from None
        except asyncio.CancelledError:
            self._link.cancel(request.run_id, "the caller was cancelled")
            raise
        return result_of(
            answer_of(frame, "result"), request.workflow_name, self._link, trusted=self._trusted
        )

    async def _start(self, request: pb.StartRun, name: str) -> AsyncRunHandle:
        feed = RunFeed(self._link, request.run_id, name, trusted=self._trusted)
        try:
            return await self._follow(feed, start_run=request)
        except asyncio.CancelledError:
            self._link.cancel(request.run_id, "the caller was cancelled")
            raise

    async def _follow(self, feed: RunFeed, **request: Any) -> AsyncRunHandle:
        feed.request_id = self._link.ask(feed, **request)
        try:
            await feed.wait_async(lambda: feed.started or feed.has_ended)
        except BaseException:
            feed.detach()
            raise
        if feed.error is not None and not feed.started:
            raise feed.error
        return AsyncRunHandle(feed, self)

    async def __aenter__(self) -> AsyncPeerClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __del__(self) -> None:
        link = getattr(self, "_link", None)
        if link is not None and link.claim_end():
            link.end_unattended()
            warnings.warn(
                "an AsyncPeerClient was not closed; await close() or use `async with`",
                ResourceWarning,
                stacklevel=2,
            )

    def __repr__(self) -> str:
        return f"AsyncPeerClient({self.node_id}, {self.state})"
