"""The refs of a session as a list that shows itself, and what a peer's memory is taken by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from blazen_nb.client.refs import RemoteRef
from blazen_nb.devices import Devices, Holding
from blazen_nb.render.static import is_static

MOST_LARGEST = 10


class RefList(list[RemoteRef]):
    """RemoteRefs; in a notebook they show as a table, the largest first."""

    def _repr_html_(self) -> str | None:
        return None if is_static() else self._shown()[0]

    def _repr_pretty_(self, p: Any, cycle: bool) -> None:
        # Ages and order differ from one execution to the next; a saved text must not.
        p.text(f"RefList({len(self):,})" if is_static() else self._shown()[1])

    def _shown(self) -> tuple[str, str]:
        from blazen_nb.render.memory import refs_repr

        return refs_repr([ref._view() for ref in self])


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerMemory:
    """What a peer's memory was taken by at one moment. In a notebook it shows as a card."""

    node_id: str
    devices: Devices
    """``devices.process_memory`` is the peer's resident memory; ``devices.gpus`` has each GPU's, by all processes."""
    holdings: tuple[Holding, ...]
    """Who has values kept there: each client of this user and all other users as one, by device, the most first."""
    by_lifetime: dict[str, int]
    """Bytes of the refs of known size that this session can list, by the name of their lifetime."""
    largest: RefList
    """The largest of those refs, at most ten. They are held as long as this object is."""

    def _repr_html_(self) -> str | None:
        return None if is_static() else self._shown()[0]

    def _repr_pretty_(self, p: Any, cycle: bool) -> None:
        p.text(f"PeerMemory({self.node_id})" if is_static() else self._shown()[1])

    def _shown(self) -> tuple[str, str]:
        from blazen_nb.render.memory import memory_repr

        views = [ref._view() for ref in self.largest]
        return memory_repr(self.node_id, self.devices, self.holdings, self.by_lifetime, views)


def memory_of(
    node_id: str, devices: Devices, holdings: tuple[Holding, ...], refs: Iterable[RemoteRef]
) -> PeerMemory:
    """What the devices, the holders and the refs say of a peer's memory."""
    by_size = sorted(
        (ref for ref in refs if ref.size is not None), key=lambda ref: -(ref.size or 0)
    )
    by_lifetime: dict[str, int] = {}
    for ref in by_size:
        by_lifetime[ref.lifetime] = by_lifetime.get(ref.lifetime, 0) + (ref.size or 0)
    return PeerMemory(
        node_id=node_id,
        devices=devices,
        holdings=holdings,
        by_lifetime=by_lifetime,
        largest=RefList(by_size[:MOST_LARGEST]),
    )
