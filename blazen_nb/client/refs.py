"""RemoteRef: a value that stays on its peer, and the refs of one connection. It knows no gRPC."""

from __future__ import annotations

import asyncio
import threading
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn
from weakref import WeakValueDictionary

from blazen_nb.client.bulk import fetch_bytes, fetch_value
from blazen_nb.client.bulk_sockets import BulkSockets
from blazen_nb.client.put_again import PutValues
from blazen_nb.client.refs_elsewhere import elsewhere
from blazen_nb.client.transfer_progress import Progress, await_shown, run_shown
from blazen_nb.engine.refs import Ref
from blazen_nb.errors import EncodeError, SessionRefError, ValidationError
from blazen_nb.render.static import is_static
from blazen_nb.shipping.described import RefInfo
from blazen_nb.shipping.diversion import REF, Leaf
from blazen_nb.shipping.part_keys import key_text, part_of
from blazen_nb.wire.in_process import Objects, objects_of
from blazen_nb.wire.ref_messages import ref_message, ref_of_leaf

if TYPE_CHECKING:
    from blazen_nb.client.link import PeerLink


class RemoteRef(Ref):
    """A value that stays on the peer where it was made; results, outputs and ``put`` give them.

    In the input of a run on that peer, and in a cell that reads the variable, it stands for the object itself, with
    no transfer. ``put(ref)`` of another peer's client makes a copy there. ``fetch()`` brings a copy here.
    ``release()``, or the end of a ``with`` block, lets the peer drop the value; one that the peer kept by itself,
    because it was too large to come along, also goes when nobody here holds its RemoteRef any more. Thread-safe.
    """

    __slots__ = ("_info", "_link", "_released")

    def __init__(self, link: PeerLink, info: RefInfo) -> None:
        self.uuid = info.uuid
        self._link = link
        self._info = info
        self._released = False
        if info.held:
            finalizer = weakref.finalize(self, _release, weakref.ref(link), info.uuid)
            finalizer.atexit = False

    @property
    def type_tag(self) -> str:
        """The codec that writes it: ``json``, ``bytes``, ``ndarray``, ``npscalar`` or ``pickle``."""
        return self._info.about.type_tag

    @property
    def type_name(self) -> str:
        """The value's type on the peer, ``numpy.ndarray``."""
        return self._info.about.type_name

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Its shape, where it has one."""
        return self._info.about.shape

    @property
    def dtype(self) -> str | None:
        """What it is made of, where it says so: ``float32``."""
        return self._info.about.dtype or None

    @property
    def size(self) -> int | None:
        """Bytes, where that is known."""
        return self._info.about.size

    @property
    def device(self) -> str | None:
        """Where it lies, if it says so: ``cuda:0``."""
        return self._info.about.device or None

    @property
    def owner(self) -> str:
        """The name of the peer that has it."""
        return self._info.node_id

    @property
    def lifetime(self) -> str:
        """The name of the RefLifetime that the peer keeps it for."""
        return self._info.lifetime

    @property
    def run_id(self) -> str | None:
        """The run that made it; None where it was put, or where that is not known."""
        return self._info.run_id or None

    @property
    def holder(self) -> str:
        """What the client calls itself that the peer keeps it for; empty for one without a session."""
        return self._info.holder

    @property
    def created_at(self) -> float:
        """When it was made, in seconds since the epoch."""
        return self._info.created_at

    @property
    def is_released(self) -> bool:
        """Whether it was released by this object."""
        return self._released

    def fetch(self, *key: Any) -> Any:
        """A copy of the value, here; with a key, of ``value[key]`` only. Blocks, and may be interrupted.

        Where the peer is in this very process, it is the object itself, or ``value[key]`` of it, and no copy. Else the
        part is taken out on the peer, and nothing else travels: ``ref.fetch(slice(0, 10))``,
        ``ref.fetch(numpy.s_[:10, 3])``, ``ref.fetch("price")``.

        Args:
            key: At most one: integers, text, slices, ``...``, None, and tuples and lists of them.

        Raises:
            ValidationError: There is no such part, or the key is none.
            SessionRefError: It was released, or its session has ended.
            EncodeError: It cannot travel.
            ShippingError: It is pickled, and this client does not trust the peer.
        """
        link, part, progress = self.link(), _part(key), self._progress()
        if (here := link.refs.here) is not None:
            return part_of(here.find(self.uuid), part)
        fetching = fetch_value(link, self.uuid, progress, part)
        reader = run_shown(link.io, fetching, progress)
        return reader.value(trusted=self._link.refs.trusted)

    async def afetch(self, *key: Any) -> Any:
        """As ``fetch``, for code that awaits."""
        link, part, progress = self.link(), _part(key), self._progress()
        if (here := link.refs.here) is not None:
            return part_of(here.find(self.uuid), part)
        fetching = fetch_value(link, self.uuid, progress, part)
        reader = await await_shown(link.io, fetching, progress)
        return await asyncio.to_thread(reader.value, trusted=self._link.refs.trusted)

    def fetch_bytes(self) -> bytes:
        """What the codec of its type tag makes of the value: what other clients of the peer get."""
        progress = self._progress()
        fetching = fetch_bytes(self.link(), self.uuid, progress)
        return run_shown(self._link.io, fetching, progress)

    def release(self) -> None:
        """Let the peer drop the value; does not wait for it. Idempotent."""
        if not self._released:
            self._released = True
            self._link.release(self.uuid)

    def leaf(self, link: PeerLink) -> Leaf:
        """How it travels in what is sent over this connection.

        Raises:
            SessionRefError: It belongs to another peer, or was released.
        """
        if not self.is_on(link):
            is_there = self._link.is_open and self.is_on(self._link)
            raise elsewhere(self.type_name, self.owner, link.node_id, is_there=is_there)
        self._check_kept()
        return REF, ref_message(self._info).SerializeToString()

    def is_on(self, link: PeerLink) -> bool:
        """Whether its value is on the peer of this connection."""
        return self._info.incarnation == link.welcome.incarnation

    def link(self) -> PeerLink:
        """The connection that its value can be fetched over.

        Raises:
            SessionRefError: It was released, or its peer was restarted.
        """
        self._check_kept()
        if not self.is_on(self._link):
            raise SessionRefError(
                f"the {self.type_name} on peer {self.owner} is gone: the peer was restarted; make it again"
            )
        self._link.check_open()  # the I/O loop may have ended with the connection
        return self._link

    def _progress(self) -> Progress:
        return Progress(f"{self.type_name} from {self.owner}")

    def _check_kept(self) -> None:
        if self._released:
            raise SessionRefError(
                f"the {self.type_name} on peer {self.owner} is gone: its RemoteRef was released"
            )

    def __enter__(self) -> RemoteRef:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def __copy__(self) -> RemoteRef:
        return self

    def __deepcopy__(self, _: Any) -> RemoteRef:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"a RemoteRef cannot be pickled: its value stays on peer {self.owner}. "
            "fetch() it and pickle the value, or give the RemoteRef itself to a run on that peer"
        )

    def _repr_html_(self) -> str | None:
        if is_static():
            return None
        from blazen_nb.client.previewing import with_preview
        from blazen_nb.render.ref import ref_repr

        return ref_repr(with_preview(self._view(), self._link, self._info))[0]

    def _shown(self) -> tuple[str, str]:
        from blazen_nb.render.ref import ref_repr

        return ref_repr(self._view())

    def _repr_pretty_(self, p: Any, cycle: bool) -> None:
        from blazen_nb.render.ref import stable_ref

        p.text(stable_ref(self._view()) if is_static() else repr(self))

    def _view(self) -> Any:
        from blazen_nb.render.ref import RefView

        return RefView(
            type_name=self.type_name,
            shape=self.shape,
            dtype=self.dtype or "",
            size=self.size,
            device=self.device or "",
            owner=self.owner,
            lifetime=self.lifetime,
            created_at=self.created_at,
            run_id=self.run_id or "",
            holder=self.holder,
            is_here=self._link.refs.here is not None,
            is_released=self._released,
        )

    def __repr__(self) -> str:
        return self._shown()[1]


class LinkRefs:
    """The refs to one peer's values that are in use here, and how they travel there (Diversion)."""

    largest_leaf: int | None = None

    def __init__(self, link: PeerLink) -> None:
        self.trusted = False
        """Whether values that the peer pickled may be opened."""
        self.sockets = BulkSockets()
        """The fast ways of values in bulk."""
        self.put_values = PutValues()
        """What was put."""
        self._link = weakref.ref(link)
        self._known: WeakValueDictionary[str, RemoteRef] = WeakValueDictionary()
        self._lock = threading.Lock()

    @property
    def here(self) -> Objects | None:
        """The objects themselves, where the peer is in this process."""
        link = self._link()
        return None if link is None else objects_of(link.welcome.resume_secret)

    def known(self, info: RefInfo) -> RemoteRef:
        """The RemoteRef of a value: one object for as long as somebody holds it."""
        link = self._link()
        assert link is not None
        with self._lock:
            ref = self._known.get(info.uuid)
            if ref is None or ref.is_released:
                ref = self._known[info.uuid] = RemoteRef(link, info)
            return ref

    def open_leaf(self, tag: str, payload: bytes) -> RemoteRef:
        """The RemoteRef in a leaf (OpenLeaf).

        Raises:
            EncodeError: The leaf is none of a ref.
        """
        return self.known(_info_in(tag, payload))

    def look_at(self, tag: str, payload: bytes) -> RemoteRef:
        """As ``open_leaf``, for a reader whose RemoteRef may go without the value.

        Raises:
            EncodeError: The leaf is none of a ref.
        """
        link = self._link()
        assert link is not None
        return RemoteRef(link, replace(_info_in(tag, payload), held=False))

    def take(self, value: Any) -> Leaf | None:
        """See Diversion.

        Raises:
            SessionRefError: The ref belongs to another peer, or was released.
        """
        link = self._link()
        return value.leaf(link) if isinstance(value, RemoteRef) and link is not None else None

    def take_rest(self, value: Any) -> Leaf | None:
        """See Diversion: the codec's error stands."""
        return None


def _info_in(tag: str, payload: bytes) -> RefInfo:
    if tag != REF:
        raise EncodeError("a value refers to buffers that did not come with it")
    return ref_of_leaf(payload)


def _part(key: tuple[Any, ...]) -> str:
    if len(key) > 1:
        raise ValidationError(
            "fetch() takes one key; for several axes give a tuple, numpy.s_[0, 1]"
        )
    return key_text(key[0]) if key else ""


def _release(link: weakref.ref[PeerLink], uuid: str) -> None:
    open_link = link()
    if open_link is not None:
        open_link.release(uuid)
