"""From a notebook cell's text to what travels: its source, and all it needs; asks the peer, starts nothing."""

from __future__ import annotations
import __future__

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from blazen_nb.shipping.cell import CellSource
from blazen_nb.shipping.code import CodeBundle
from blazen_nb.shipping.names import read_names
from blazen_nb.shipping.needs import Needs, find_needs
from blazen_nb.shipping.parts import mib
from blazen_nb.shipping.sources import RecordedCells
from blazen_nb.shipping.values import EncodedValue, encode

if TYPE_CHECKING:  # grpc takes a while to load, and loading the extension must not wait for it
    from blazen_nb.client.refs import RemoteRef
    from blazen_nb.client.sync import PeerClient

SIZE_SHOWN_FROM = 1 << 20
"""What weighs less is sent without a word of its size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """A cell ready to travel."""

    cell: CellSource
    bundle: CodeBundle
    pushed: Mapping[str, int]
    """Bytes of the values that went ahead, by name; 0 = the peer had it as it is."""
    refs: tuple[RemoteRef, ...]
    """Keep the values that went ahead on the peer until the cell is accepted there."""

    @property
    def contents(self) -> tuple[str, ...]:
        """What goes along with the cell, in words for its card."""
        values = [value.size for name, value in self.bundle.values if name not in self.pushed]
        counts = [
            (len(self.bundle.units), "definition"),
            (len(self.bundle.modules), "module"),
            (len(values), "value"),
        ]
        said = [f"{count} {word}{'s' if count > 1 else ''}" for count, word in counts if count]
        texts = [unit.text for unit in self.bundle.units]
        texts += [source.text for source in self.bundle.modules]
        size = sum(values) + sum(map(len, texts))
        weight = f" ({mib(size)})" if size >= SIZE_SHOWN_FROM else ""
        sent = [f"sent {_listed(said)}{weight}"] if said else []
        ahead = [
            f"pushed {name} ({mib(weight)})" if weight else f"{name} is there as pushed before"
            for name, weight in self.pushed.items()
        ]
        return (*sent, *ahead)

    def accepted(self) -> None:
        """The peer has the cell: what went ahead is its variables' alone from now on."""
        for ref in self.refs:
            ref.release()


def pack(
    cell: CellSource,
    user_ns: Mapping[str, Any],
    *,
    client: PeerClient,
    cells: RecordedCells,
    push: tuple[str, ...] = (),
) -> Shipment:
    """The cell with everything that it needs from the notebook and the peer does not have.

    Args:
        cell: The cell.
        user_ns: The notebook's namespace.
        client: A client of the peer.
        cells: The cells that ran in the notebook.
        push: Names whose values go to the peer whatever their size, and count there whatever was assigned to them.
            A value goes again only where its digest is not that of what stands under its name there.

    Raises:
        ShippingError: A name exists nowhere, or what it stands for cannot travel.
        BlazenError: The peer does not answer.
    """
    names = read_names(cell.text, futures=cell.futures)
    asked = names.free | names.maybe | set(push)
    found = client.find_names(sorted(asked))
    there = asked - found.missing - set(push)
    needs = find_needs(
        replace(names, free=(names.free | set(push)) - there, maybe=names.maybe - there),
        user_ns,
        cells=cells,
        peer_python=client.peer_python,
        diversion=client.ref_leaves,
        push=push,
        modules_there=found.modules,
    )
    further = needs.names - asked
    if further:
        needs = needs.without(further - client.find_names(sorted(further)).missing)
    needs.check()
    digests = needs.value_digests
    values = needs.pushed
    unchanged = {name for name in values if found.arrived.get(name) == digests[name]}
    needs = needs.without(unchanged)
    refs = _send_ahead(needs, user_ns, client)
    bundle = needs.bundle({name: encoded for name, (_, encoded) in refs.items()})
    return Shipment(
        cell=cell,
        bundle=replace(bundle, pushed=frozenset(push) - unchanged),
        pushed={name: 0 if name in unchanged else bulk.size for name, bulk in values.items()},
        refs=tuple(ref for ref, _ in refs.values()),
    )


def futures_in(flags: int) -> tuple[str, ...]:
    """The ``__future__`` features among these compiler flags."""
    return tuple(
        name
        for name in __future__.all_feature_names
        if flags & getattr(__future__, name).compiler_flag
    )


def _send_ahead(
    needs: Needs, user_ns: Mapping[str, Any], client: PeerClient
) -> dict[str, tuple[RemoteRef, EncodedValue]]:
    """The pushed values on the peer, and the refs to them."""
    if not needs.pushed:
        return {}
    ahead = needs.ahead()
    if ahead.names or ahead.modules:
        client.send_code(ahead.bundle())
    # Copies, in this process too: an instance must be of the class that its peer knows by that name.
    refs = {name: client.put(user_ns[name], copy=True) for name in needs.pushed}
    return {name: (ref, encode(ref, diversion=client.ref_leaves)) for name, ref in refs.items()}


def _listed(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
