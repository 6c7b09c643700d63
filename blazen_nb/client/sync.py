"""The sync client: the same calls as the async one, from any thread. Each waits on a lock and stays interruptible."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

from blazen_nb.client.connecting import open_link
from blazen_nb.client.device_calls import DeviceCalls
from blazen_nb.client.feed import RunFeed
from blazen_nb.client.link import PeerLink
from blazen_nb.client.ref_calls import RefCalls
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
from blazen_nb.client.sync_handle import RunHandle
from blazen_nb.client.sync_runs import RunCalls
from blazen_nb.client.transferring import copies_for
from blazen_nb.client.waiters import BlockingReply
from blazen_nb.engine.result import WorkflowResult
from blazen_nb.errors import TransportError, ValidationError, WorkflowTimeoutError
from blazen_nb.shipping.cell import CellSource
from blazen_nb.shipping.code import CodeBundle
from blazen_nb.wire import io_loop
from blazen_nb.wire.messages import bundle_message
from blazen_nb.wire.tls import ClientTls
from blazen_nb.wire.v1 import kernel_pb2 as pb


class PeerClient(RefCalls, RunCalls, DeviceCalls):
    """A session with a peer. ``connect`` makes one; close it, or use ``with``.

    Thread-safe: many threads may call at once, they share one connection. A call that is interrupted cancels its
    run and raises KeyboardInterrupt.

    Example:
        >>> from blazen_nb import PeerClient, PeerServer, StopEvent, step
        >>> @step(id="docs::double")
        ... def double(ctx, ev):
        ...     return StopEvent(result=ev.x * 2)
        >>> with PeerServer("gpu-box") as server:
        ...     with PeerClient.connect(server.start()) as client:
        ...         client.run_remote_workflow("double", ["docs::double"], {"x": 21}).result
        42
    """

    def __init__(self, io: io_loop.IoLoop, link: PeerLink, trust_peer: bool) -> None:
        self._io = io
        self._link = link
        self._trusted = trust_peer or link.is_trusted
        link.refs.trusted = self._trusted

    @classmethod
    def connect(
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
    ) -> PeerClient:
        """A client whose session with the peer is open; see ``AsyncPeerClient.connect``."""
        io = io_loop.acquire()
        try:
            opening = open_link(
                io,
                address,
                node_id=node_id,
                token=token,
                tls=tls,
                namespace=namespace,
                timeout=timeout,
                reconnect=reconnect,
            )
            link = io.run(opening)
        except BaseException:
            io_loop.release(io)
            raise
        return cls(io, link, trust_peer)

    def describe(self) -> PeerInfo:
        """See ``AsyncPeerClient.describe``."""
        return info_of(self._ask("description", urgent=True, describe=pb.Describe()))

    def ping(self) -> None:
        """See ``AsyncPeerClient.ping``."""
        self._ask("pong", urgent=True, ping=pb.Ping())

    def find_names(self, names: Iterable[str]) -> FoundNames:
        """See ``AsyncPeerClient.find_names``."""
        request = pb.FindNames(names=list(names))
        return found_names(self._ask("missing_names", find_names=request))

    def send_code(self, bundle: CodeBundle) -> None:
        """See ``AsyncPeerClient.send_code``."""
        self._ask("registered", register_code=pb.RegisterCode(bundle=bundle_message(bundle)))

    def register_steps(self, functions: Sequence[Callable[..., Any]]) -> list[str]:
        """See ``AsyncPeerClient.register_steps``."""
        request = steps_bundle(functions, self._link)
        return list(self._ask("registered", register_code=request).step_ids)

    def run_remote_workflow(
        self,
        workflow_name: str,
        step_ids: Sequence[str],
        input: Any = None,
        timeout: float | timedelta | None = None,
        *,
        transfer: bool = False,
    ) -> WorkflowResult:
        """See ``AsyncPeerClient.run_remote_workflow``."""
        with copies_for(input, self._link, transfer=transfer) as copies:
            value = encoded_input(input, self._link, copies)
            request = start_request(workflow_name, step_ids, value, timeout, updates=False)
            return self._run(request)

    def run_remote_workflow_json(
        self,
        workflow_name: str,
        step_ids: Sequence[str],
        json_text: str,
        timeout: float | timedelta | None = None,
    ) -> WorkflowResult:
        """See ``AsyncPeerClient.run_remote_workflow_json``."""
        request = start_request(
            workflow_name, step_ids, json_input(json_text), timeout, updates=False
        )
        return self._run(request)

    def start_remote_workflow(
        self,
        workflow_name: str,
        step_ids: Sequence[str],
        input: Any = None,
        timeout: float | timedelta | None = None,
        *,
        durable: bool | None = None,
        transfer: bool = False,
    ) -> RunHandle:
        """See ``AsyncPeerClient.start_remote_workflow``."""
        with copies_for(input, self._link, transfer=transfer) as copies:
            value = encoded_input(input, self._link, copies)
            request = start_request(
                workflow_name, step_ids, value, timeout, updates=True, durable=durable
            )
            return self._start(request, workflow_name)

    def start_cell(
        self,
        cell: CellSource,
        *,
        bundle: CodeBundle | None = None,
        input: Any = None,
        timeout: float | timedelta | None = None,
        outputs: Iterable[str] = (),
        keep_values: bool = False,
        transfer: bool = False,
    ) -> RunHandle:
        """See ``AsyncPeerClient.start_cell``."""
        with copies_for(input, self._link, transfer=transfer) as copies:
            value = encoded_input(input, self._link, copies)
            request = cell_request(
                cell, bundle or CodeBundle(), value, timeout, outputs, keep_values
            )
            return self._start(request, cell.label)

    def close(self) -> None:
        """End the session; calls that wait fail. Idempotent, from any thread."""
        self._refuse_on_loop()
        if self._link.claim_end():
            self._io.run(self._link.shut())
            io_loop.release(self._io)

    def _ask(self, answer: str, *, urgent: bool = False, **request: Any) -> Any:
        self._refuse_on_loop()
        reply = BlockingReply()
        self._link.ask(reply, urgent=urgent, **request)
        try:
            return answer_of(reply.wait(ANSWER_SECONDS), answer)
        except TimeoutError:
            raise no_answer(self._link, ANSWER_SECONDS) from None

    def _run(self, request: pb.StartRun) -> WorkflowResult:
        self._refuse_on_loop()
        reply = BlockingReply()
        limit = request.timeout_secs + LATER_SECONDS if request.timeout_secs else None
        try:
            # Within: the run may begin, and the interrupt come, before this thread gets to its wait.
            self._link.ask(reply, start_run=request)
            frame = reply.wait(limit)
        except TimeoutError:
            self._link.cancel(request.run_id, "the client stopped waiting")
            raise WorkflowTimeoutError(
                f"timed out: no result from {self.node_id} in time"
            ) from None
        except TransportError as error:
            raise lost_call(request, self._link, error) from None
        except BaseException:
            self._link.cancel(request.run_id, "the caller was interrupted")
            raise
        return result_of(
            answer_of(frame, "result"), request.workflow_name, self._link, trusted=self._trusted
        )

    def _start(self, request: pb.StartRun, name: str) -> RunHandle:
        feed = RunFeed(self._link, request.run_id, name, trusted=self._trusted)
        try:
            return self._follow(feed, start_run=request)
        except KeyboardInterrupt:
            self._link.cancel(request.run_id, "the caller was interrupted")
            raise

    def _follow(self, feed: RunFeed, **request: Any) -> RunHandle:
        self._refuse_on_loop()
        feed.request_id = self._link.ask(feed, **request)
        try:
            feed.wait(lambda: feed.started or feed.has_ended, None)
        except BaseException:
            feed.detach()
            raise
        if feed.error is not None and not feed.started:
            raise feed.error
        return RunHandle(feed, self)

    def _refuse_on_loop(self) -> None:
        if self._io.is_here:
            raise ValidationError("a blocking call on the I/O loop would wait for itself")

    def __enter__(self) -> PeerClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        link = getattr(self, "_link", None)
        if link is not None and link.claim_end():
            link.end_unattended()
            warnings.warn(
                "a PeerClient was not closed; call close() or use `with`",
                ResourceWarning,
                stacklevel=2,
            )

    def __repr__(self) -> str:
        return f"PeerClient({self.node_id}, {self.state})"
