"""What both clients can do with refs and values in bulk."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

from blazen_nb.client.bulk import fetch_bytes
from blazen_nb.client.connecting import require_sessions
from blazen_nb.client.known import KnownPeer
from blazen_nb.client.link import PeerLink
from blazen_nb.client.memory import PeerMemory, RefList, memory_of
from blazen_nb.client.refs import RemoteRef
from blazen_nb.client.transfer_progress import Progress, await_shown, run_shown
from blazen_nb.client.transferring import acopy_of, copy_of
from blazen_nb.errors import ValidationError
from blazen_nb.shipping.bulk import Bulk, encode_bulk
from blazen_nb.wire.device_messages import devices_of, holdings_of
from blazen_nb.wire.ref_messages import ref_of
from blazen_nb.wire.v1 import kernel_pb2 as pb


class AsyncRefCalls(KnownPeer):
    """The part of AsyncPeerClient that is about refs."""

    async def _ask(self, answer: str, *, urgent: bool = False, **request: Any) -> Any:
        raise NotImplementedError

    async def put(self, value: Any, *, copy: bool = False) -> RemoteRef:
        """Send a value to the peer, which keeps it for this session; any number of runs there can use it.

        A peer in this very process keeps the object itself. Elsewhere each call makes an object of its own there.
        Where a large value equals one that was put before, and whose RemoteRef is still held, the peer copies that one
        instead of being sent it again, unless it was changed there.

        Args:
            value: Of a RemoteRef its value is copied: by the peer where it is the peer's own, else from the peer that
                has it, through this client, in pieces and unopened. That ref stays as it is, until it is released.
            copy: Have a copy kept in this process, too.

        Raises:
            EncodeError: It cannot travel.
            ShippingError: It is behind a ref and pickled, and this client does not trust the peer of that.
            SessionRefError: It is behind a ref that was released, or whose peer was restarted.
            LimitError: It is larger than the peer takes.
            UnsupportedError: The peer speaks only Blazen's own wire.
        """
        self._link.check_open()
        require_sessions(self._link, "put()")
        if isinstance(value, RemoteRef):
            return await acopy_of(value, self._link)
        if (kept := None if copy else _kept_here(value, self._link)) is not None:
            return kept
        bulk = await asyncio.to_thread(_bulk, value, self._link)
        progress = _progress(value, self._link)
        return await await_shown(self._io, _put(bulk, self._link, progress), progress)

    async def fetch(self, ref: RemoteRef) -> Any:
        """A copy of the value behind a ref; see ``RemoteRef.fetch``."""
        return await ref.afetch()

    async def refs(self) -> RefList:
        """The refs that the peer keeps for this session, and those of this user that nobody has released."""
        answer = await self._ask("ref_list", list_refs=pb.ListRefs())
        return _listed(answer, self._link)

    async def memory(self) -> PeerMemory:
        """What the peer's memory is taken by: its process, its host, each GPU, who has values kept, the largest of them.

        Raises:
            UnsupportedError: The peer is older than this call, or speaks only Blazen's own wire.
        """
        devices = await self._ask("devices", describe_devices=pb.DescribeDevices())
        holdings = await self._ask("holdings", describe_memory=pb.DescribeMemory())
        told = devices_of(devices), holdings_of(holdings)
        return memory_of(self.node_id, *told, await self.refs())

    async def deref_session_ref(self, uuid: str | UUID) -> bytes:
        """The bytes that the codec of a value's type tag makes of it, as Blazen's own clients get them.

        Raises:
            ValidationError: Not a UUID.
            SessionRefError: The peer keeps no such value.
        """
        self._link.check_open()
        progress = _of_a_value(self._link)
        fetching = fetch_bytes(self._link, checked_uuid(uuid), progress)
        return await await_shown(self._io, fetching, progress)

    async def release_session_ref(self, uuid: str | UUID) -> bool:
        """Let the peer drop the value of a ref; False where there was no such ref.

        Raises:
            ValidationError: Not a UUID.
        """
        return bool((await self._ask("done", release_refs=_release_request(uuid))).changed)


class RefCalls(KnownPeer):
    """The part of PeerClient that is about refs."""

    def _ask(self, answer: str, *, urgent: bool = False, **request: Any) -> Any:
        raise NotImplementedError

    def put(self, value: Any, *, copy: bool = False) -> RemoteRef:
        """See ``AsyncPeerClient.put``."""
        self._link.check_open()
        require_sessions(self._link, "put()")
        if isinstance(value, RemoteRef):
            return copy_of(value, self._link)
        if (kept := None if copy else _kept_here(value, self._link)) is not None:
            return kept
        progress = _progress(value, self._link)
        sending = _put(_bulk(value, self._link), self._link, progress)
        return run_shown(self._io, sending, progress)

    def fetch(self, ref: RemoteRef) -> Any:
        """See ``AsyncPeerClient.fetch``."""
        return ref.fetch()

    def refs(self) -> RefList:
        """See ``AsyncPeerClient.refs``."""
        answer = self._ask("ref_list", list_refs=pb.ListRefs())
        return _listed(answer, self._link)

    def memory(self) -> PeerMemory:
        """See ``AsyncPeerClient.memory``."""
        devices = self._ask("devices", describe_devices=pb.DescribeDevices())
        holdings = self._ask("holdings", describe_memory=pb.DescribeMemory())
        return memory_of(self.node_id, devices_of(devices), holdings_of(holdings), self.refs())

    def deref_session_ref(self, uuid: str | UUID) -> bytes:
        """See ``AsyncPeerClient.deref_session_ref``."""
        self._link.check_open()
        progress = _of_a_value(self._link)
        return run_shown(self._io, fetch_bytes(self._link, checked_uuid(uuid), progress), progress)

    def release_session_ref(self, uuid: str | UUID) -> bool:
        """See ``AsyncPeerClient.release_session_ref``."""
        return bool(self._ask("done", release_refs=_release_request(uuid)).changed)


def checked_uuid(uuid: str | UUID) -> str:
    """The UUID, dashed.

    Raises:
        ValidationError: It is none.
    """
    try:
        return str(UUID(str(uuid)))
    except ValueError:
        raise ValidationError(
            f"a session ref's UUID looks like {UUID(int=0)}, not {uuid!r}"
        ) from None


def _listed(answer: pb.RefList, link: PeerLink) -> RefList:
    return RefList(link.refs.known(ref_of(ref)) for ref in answer.refs)


def _release_request(uuid: str | UUID) -> pb.ReleaseRefs:
    return pb.ReleaseRefs(uuids=[UUID(checked_uuid(uuid)).bytes])


def _progress(value: Any, link: PeerLink) -> Progress:
    return Progress(f"{type(value).__name__} to {link.node_id}")


def _of_a_value(link: PeerLink) -> Progress:
    return Progress(f"a value from {link.node_id}")


def _kept_here(value: Any, link: PeerLink) -> RemoteRef | None:
    """The ref of the object itself; None where the peer is not in this process."""
    here = link.refs.here
    return None if here is None else link.refs.known(here.keep(value))


def _put(bulk: Bulk, link: PeerLink, progress: Progress) -> Coroutine[Any, Any, RemoteRef]:
    return link.refs.put_values.put(link, bulk, progress)


def _bulk(value: Any, link: PeerLink) -> Bulk:
    return encode_bulk(value, same_minor=link.same_minor, current=True)
