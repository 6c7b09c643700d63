"""One client, over one connection or several in turn: its frames are read and answered. Runs outlive it."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from functools import partial
from typing import Any

from blazen_nb.engine.run import Run
from blazen_nb.errors import BlazenError, UnsupportedError
from blazen_nb.peer.handing_over import KeptHere
from blazen_nb.peer.parts import PeerParts
from blazen_nb.peer.peer_run import PeerRun
from blazen_nb.peer.reading import RunReading
from blazen_nb.peer.registering import register_steps
from blazen_nb.peer.starting import RunStarting
from blazen_nb.render.preview import Preview
from blazen_nb.shipping.described import REF_MARKER
from blazen_nb.shipping.environment import python_minor
from blazen_nb.shipping.values import decode
from blazen_nb.wire import in_process
from blazen_nb.wire.blazen_messages import ENVELOPE_VERSION
from blazen_nb.wire.delivery import Delivery
from blazen_nb.wire.device_messages import holdings_message, report_message
from blazen_nb.wire.io_loop import IoLoop
from blazen_nb.wire.messages import bundle_of, refusal_of, value_of
from blazen_nb.wire.outbox import Outbox
from blazen_nb.wire.parts import Parts
from blazen_nb.wire.preview_messages import preview_message
from blazen_nb.wire.ref_messages import ref_message, uuid_of
from blazen_nb.wire.v1 import kernel_pb2 as pb

_log = logging.getLogger("blazen_nb.peer")
_MARKER = REF_MARKER.encode()


class Session:
    """A client that is connected, or may come back.

    Args:
        peer: The server's parts that sessions share.
        identity: Who calls, by token.
        resumable: The session can go on over another connection.
    """

    def __init__(
        self, peer: PeerParts, identity: str, hello: pb.Hello, io: IoLoop, *, resumable: bool
    ) -> None:
        self._peer = peer
        self._hello = hello
        self.outbox = Outbox(io, pb.PeerFrame, Delivery() if resumable else None)
        self.resumable = resumable
        self.resume_secret = secrets.token_hex(16) if resumable else ""
        """Whoever has it may take the session up."""
        self.is_over = False
        """Its client has said goodbye."""
        self.identity = identity
        self.session_id = hello.session_id or secrets.token_hex(8)
        self.namespace, self._resumed = peer.namespaces.open(identity, hello.namespace)
        self._refs = peer.refs.scope(identity, self.session_id, self.namespace.id, self.client)
        if peer.hands_over:
            in_process.announce(self.resume_secret, KeptHere(self._refs))
        self._parts = Parts(peer.limits.message_bytes)
        self._same_minor = hello.python == python_minor()
        self._bulk = peer.offer_bulk(identity)
        self._calls: dict[bytes, PeerRun] = {}
        """Runs that end with the connection."""
        self.reading = RunReading(peer, self._refs, self.outbox, self._reply)
        self._starting = RunStarting(
            peer,
            self.namespace,
            self._refs,
            self.outbox,
            self.reading,
            io,
            client=self.client,
            python=hello.python,
            decoded=self._decoded,
            refuse=self._refuse,
        )

    def welcome(self, request_id: int, hello: pb.Hello, *, resumed: bool) -> bytes:
        """The batch that answers the Hello, before anything else is written on that connection."""
        if resumed:
            self.outbox.repeat(hello.received)
        delivery = self.outbox.delivery
        welcome = pb.Welcome(
            node_id=self._peer.node_id,
            incarnation=self._peer.incarnation,
            namespace_state="resumed" if self._resumed else "new",
            envelope_version=ENVELOPE_VERSION,
            python=python_minor(),
            version=self._peer.version,
            bulk=self._bulk,
            resume_secret=self.resume_secret,
            session_resumed=resumed,
            received=delivery.received if delivery is not None else 0,
        )
        frame = pb.PeerFrame(request_id=request_id, welcome=welcome)
        return pb.PeerBatch(frames=[frame]).SerializeToString()

    def receive(self, batch: bytes) -> None:
        """Handle a batch of frames; on the I/O loop, so nothing here may block."""
        frames = pb.ClientBatch.FromString(batch).frames
        for frame in frames:
            if not self.outbox.take(frame, len(batch) // len(frames)):
                self._receive_frame(frame)

    def _receive_frame(self, frame: pb.ClientFrame) -> None:
        kind = frame.WhichOneof("kind")
        try:
            if kind == "part":
                whole = self._parts.add(frame.part)
                if whole is not None:
                    self._receive_frame(pb.ClientFrame.FromString(whole))
                return
            handler = _HANDLERS.get(kind or "")
            if handler is None:
                raise UnsupportedError(
                    f"peer {self._peer.node_id} does not know this request; upgrade it"
                )
            handler(self, frame.request_id, getattr(frame, kind or ""))
        except Exception as error:
            self._refuse(frame.request_id, error)

    def _refuse(self, request_id: int, error: BaseException) -> None:
        if not isinstance(error, BlazenError):
            _log.error("a request of session %s failed", self.session_id, exc_info=error)
        if request_id:
            self._reply(request_id, refusal=refusal_of(error))

    def _reply(self, request_id: int, **kind: Any) -> None:
        self.outbox.put_urgent(pb.PeerFrame(request_id=request_id, **kind).SerializeToString())

    # --- requests --------------------------------------------------------------------------------------------

    def _ping(self, request_id: int, _: pb.Ping) -> None:
        self._reply(request_id, pong=pb.Pong())

    def _goodbye(self, *_: object) -> None:
        self.is_over = True

    def _describe(self, request_id: int, _: pb.Describe) -> None:
        self._reply(
            request_id,
            description=pb.Description(json=self._peer.description(self.namespace.registry)),
        )

    def _describe_devices(self, request_id: int, _: pb.DescribeDevices) -> None:
        self._peer.devices.ask(
            lambda devices: self._reply(request_id, devices=report_message(devices)),
            partial(self._refuse, request_id),
        )

    def _find_names(self, request_id: int, request: pb.FindNames) -> None:
        names = list(request.names)
        answer = pb.MissingNames(
            names=self.namespace.missing(names),
            arrived=self.namespace.arrived(names),
            modules=self.namespace.own_modules(),
        )
        self._reply(request_id, missing_names=answer)

    def _cancel_run(self, request_id: int, request: pb.CancelRun) -> None:
        run = self._peer.runs.find(request.run_id, self.identity)
        if run is not None:
            run.cancel(request.reason or "cancelled by the client")
        if request_id:
            self._reply(request_id, done=pb.Done(changed=run is not None))

    def _set_paused(
        self, request_id: int, request: pb.PauseRun | pb.ResumeRun, *, paused: bool
    ) -> None:
        run = self._peer.runs.find(request.run_id, self.identity)
        if run is not None:
            run.set_paused(paused)
        self._reply(request_id, done=pb.Done(changed=run is not None))

    def _answer_input(self, request_id: int, request: pb.AnswerInput) -> None:
        run = self._begun(request.run_id)
        response = self._decoded(request.response)
        changed = run is not None and run.respond_to_input(request.request_id, response)
        self._reply(request_id, done=pb.Done(changed=changed))

    def _begun(self, run_id: bytes) -> Run | None:
        """The caller's run of this ID, once it has begun and until it ends."""
        found = self._peer.runs.find(run_id, self.identity)
        return found.run if found is not None else None

    def _register_code(self, request_id: int, request: pb.RegisterCode) -> None:
        self._peer.require_code_accepted("registering steps")
        bundle = bundle_of(request.bundle)
        register_steps(
            self.namespace,
            bundle,
            tuple(request.step_names),
            self._refs.pinned(bundle),
            lambda ids: self._reply(request_id, registered=pb.Registered(step_ids=ids)),
            partial(self._refuse, request_id),
        )

    @property
    def client(self) -> str:
        """What its client calls itself."""
        return self._hello.node_id or self.session_id

    def _reset_namespace(self, request_id: int, _: pb.ResetNamespace) -> None:
        self.namespace.reset(
            lambda: self._reply(request_id, done=pb.Done(changed=True)),
            partial(self._refuse, request_id),
        )

    def _decoded(self, message: pb.Value) -> Any:
        value = decode(
            value_of(message),
            trusted=self._peer.accepts_code,
            home=self.namespace.id,
            open_leaf=self._refs.open_leaf,
        )
        return self._refs.resolved(value) if _MARKER in message.json else value

    def _list_refs(self, request_id: int, _: pb.ListRefs) -> None:
        table = self._peer.refs
        refs = [ref_message(table.info(kept)) for kept in table.of_scope(self._refs)]
        listed = pb.PeerFrame(request_id=request_id, ref_list=pb.RefList(refs=refs))
        self.outbox.put(listed.SerializeToString())

    def _preview_ref(self, request_id: int, request: pb.PreviewRef) -> None:
        def told(preview: Preview) -> None:
            frame = pb.PeerFrame(request_id=request_id, preview=preview_message(preview))
            self.outbox.put(frame.SerializeToString())

        ref = self._peer.refs.find(uuid_of(request.uuid), self.identity).ref
        self._peer.previews.ask(self.identity, ref, told, partial(self._refuse, request_id))

    def _describe_memory(self, request_id: int, _: pb.DescribeMemory) -> None:
        holdings = holdings_message(self._peer.refs.holdings(self.identity))
        self._reply(request_id, holdings=holdings)

    def _release_refs(self, request_id: int, request: pb.ReleaseRefs) -> None:
        known = [self._peer.refs.release(uuid_of(uuid), self.identity) for uuid in request.uuids]
        if request_id:
            self._reply(request_id, done=pb.Done(changed=any(known)))

    # ---------------------------------------------------------------------------------------------------------

    def give_up_calls(self) -> None:
        """Nobody waits for its blocking calls any more: they are cancelled, started runs go on."""
        self._starting.give_up_calls()

    def close(self) -> None:
        """The client is gone for good; its started runs go on."""
        in_process.withdraw(self.resume_secret)
        self.outbox.close()
        if self._bulk is not None:
            self._peer.withdraw_bulk(self._bulk.key_id)
        self.reading.close()
        self.give_up_calls()
        self._refs.end()
        self._peer.namespaces.leave(self.namespace)


_HANDLERS: dict[str, Callable[[Session, int, Any], None]] = {
    "ping": Session._ping,
    "goodbye": Session._goodbye,
    "describe": Session._describe,
    "describe_devices": Session._describe_devices,
    "describe_memory": Session._describe_memory,
    "find_names": Session._find_names,
    "cancel_run": Session._cancel_run,
    "attach_run": lambda session, *asked: session.reading.attach(*asked),
    "detach_run": lambda session, *asked: session.reading.detach(*asked),
    "ack_run": lambda session, *asked: session.reading.taken(*asked),
    "list_runs": lambda session, *asked: session.reading.list(*asked),
    "reset_namespace": Session._reset_namespace,
    "pause_run": partial(Session._set_paused, paused=True),
    "resume_run": partial(Session._set_paused, paused=False),
    "answer_input": Session._answer_input,
    "register_code": Session._register_code,
    "start_run": lambda session, *asked: session._starting.start(*asked),
    "list_refs": Session._list_refs,
    "preview_ref": Session._preview_ref,
    "release_refs": Session._release_refs,
    "drop_transfers": lambda s, _, asked: s._peer.drop_transfers(
        s.identity, asked.ids, given_up=asked.given_up
    ),
}
