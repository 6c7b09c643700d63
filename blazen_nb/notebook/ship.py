"""From a notebook cell's text to what travels: its source, and all it needs; asks the peer, starts nothing."""

from __future__ import annotations
import __future__

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from blazen_nb.shipping.cell import CellSource
from blazen_nb.shipping.code import CodeBundle
from blazen_nb.shipping.environment import python_minor
from blazen_nb.shipping.names import read_names
from blazen_nb.shipping.needs import find_needs
from blazen_nb.shipping.sources import RecordedCells

if TYPE_CHECKING:  # grpc takes a while to load, and loading the extension must not wait for it
    from blazen_nb.client.sync import PeerClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """A cell ready to travel."""

    cell: CellSource
    bundle: CodeBundle

    @property
    def contents(self) -> tuple[str, ...]:
        """What goes along with the cell, in words for its card."""
        units, values = len(self.bundle.units), len(self.bundle.values)
        parts = [(units, "definition"), (values, "value")]
        said = [f"{count} {word}{'s' if count > 1 else ''}" for count, word in parts if count]
        return (f"sent {' and '.join(said)}",) if said else ()


def pack(
    cell: CellSource,
    user_ns: Mapping[str, Any],
    *,
    client: PeerClient,
    cells: RecordedCells,
) -> Shipment:
    """The cell with everything that it needs from the notebook and the peer does not have.

    Raises:
        ShippingError: A name exists nowhere, or what it stands for cannot travel.
        BlazenError: The peer does not answer.
    """
    names = read_names(cell.text, futures=cell.futures)
    there = _on_peer(names.free | names.maybe, client)
    names = replace(names, free=names.free - there, maybe=names.maybe - there)
    same_minor = client.peer_python == python_minor()
    needs = find_needs(
        names, user_ns, cells=cells, same_minor=same_minor, diversion=client.ref_leaves
    )
    further = needs.names - names.free - names.maybe
    needs = needs.without(_on_peer(further, client))
    return Shipment(cell=cell, bundle=needs.bundle())


def futures_in(flags: int) -> tuple[str, ...]:
    """The ``__future__`` features among these compiler flags."""
    return tuple(
        name
        for name in __future__.all_feature_names
        if flags & getattr(__future__, name).compiler_flag
    )


def _on_peer(names: frozenset[str], client: PeerClient) -> frozenset[str]:
    return names - client.missing_names(sorted(names)) if names else names
