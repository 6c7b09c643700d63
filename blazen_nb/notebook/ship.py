"""From a notebook cell's text to what travels: its source, and all it needs; asks the peer, starts nothing."""

from __future__ import annotations
import __future__

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from blazen_nb.shipping.cell import CellSource
from blazen_nb.shipping.code import CodeBundle
from blazen_nb.shipping.names import read_names
from blazen_nb.shipping.needs import Needs, find_needs
from blazen_nb.shipping.parts import mib
from blazen_nb.shipping.sources import RecordedCells
from blazen_nb.shipping.values import encode

if TYPE_CHECKING:  # grpc takes a while to load, and loading the extension must not wait for it
    from blazen_nb.client.bundle_refs import BundleRefs
    from blazen_nb.client.refs import RemoteRef
    from blazen_nb.client.requests import FoundNames
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
    copied: Mapping[str, str]
    """Names whose values were copied from other peers, and which."""
    release: Callable[[], None]
    """Lets go of what went ahead and was copied, once the cell was accepted, or refused: it is its variables' alone."""

    @property
    def contents(self) -> tuple[str, ...]:
        """What goes along with the cell, in words for its card."""
        ahead_of_it = {*self.pushed, *self.copied}
        values = [value.size for name, value in self.bundle.values if name not in ahead_of_it]
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
        copied = [f"copied {name} from {owners}" for name, owners in self.copied.items()]
        return (*sent, *ahead, *copied)


def pack(
    cell: CellSource,
    user_ns: Mapping[str, Any],
    *,
    client: PeerClient,
    cells: RecordedCells,
    push: tuple[str, ...] = (),
    transfer: bool = False,
) -> Shipment:
    """The cell with everything that it needs from the notebook and the peer does not have.

    Args:
        cell: The cell.
        user_ns: The notebook's namespace.
        client: A client of the peer.
        cells: The cells that ran in the notebook.
        push: Names whose values go to the peer whatever their size, and count there whatever was assigned to them.
            A value goes again only where its digest is not that of what stands under its name there.
        transfer: Values behind refs of other peers are copied there. Without it a name that holds such a ref stands for
            the copy that was made before, as long as that stands under its name.

    Raises:
        ShippingError: A name exists nowhere, or what it stands for cannot travel.
        BlazenError: The peer does not answer.
    """
    from blazen_nb.client.bundle_refs import BundleRefs  # not at the top, see above

    others = BundleRefs(client)
    names = read_names(cell.text, futures=cell.futures)
    asked = names.free | names.maybe | set(push)
    found = client.find_names(sorted(asked))
    there = _there(asked, found, user_ns, transfer) - set(push)
    needs = find_needs(
        replace(names, free=(names.free | set(push)) - there, maybe=names.maybe - there),
        user_ns,
        cells=cells,
        peer_python=client.peer_python,
        diversion=others if transfer else client.ref_leaves,
        push=push,
        modules_there=found.modules,
    ).without(there)
    further = needs.names - asked
    if further:
        found_further = client.find_names(sorted(further))
        needs = needs.without(_there(further, found_further, user_ns, transfer))
    needs.check()
    digests = needs.value_digests
    values = needs.pushed
    unchanged = {name for name in values if found.arrived.get(name) == digests[name]}
    needs = needs.without(unchanged)
    ahead = _Ahead(client, others)
    bundle = ahead.send(needs, user_ns)
    return Shipment(
        cell=cell,
        bundle=replace(bundle, pushed=frozenset(push) - unchanged),
        pushed={name: 0 if name in unchanged else bulk.size for name, bulk in values.items()},
        copied=others.copied,
        release=ahead.release,
    )


def futures_in(flags: int) -> tuple[str, ...]:
    """The ``__future__`` features among these compiler flags."""
    return tuple(
        name
        for name in __future__.all_feature_names
        if flags & getattr(__future__, name).compiler_flag
    )


def _there(
    asked: Set[str], found: FoundNames, user_ns: Mapping[str, Any], transfer: bool
) -> Set[str]:
    """The names that the cell can use as they stand on the peer."""
    from blazen_nb.client.bundle_refs import copied_before  # not at the top, see above

    copied = {name for name in asked if copied_before(user_ns.get(name), found.arrived.get(name))}
    return (asked - found.missing) | (set() if transfer else copied)


class _Ahead:
    """What goes to the peer ahead of the cell: the pushed values, and copies of what other peers have."""

    def __init__(self, client: PeerClient, others: BundleRefs) -> None:
        self._client = client
        self._others = others
        self._refs: dict[str, RemoteRef] = {}

    def send(self, needs: Needs, user_ns: Mapping[str, Any]) -> CodeBundle:
        """What the cell needs, with refs to what is there now.

        Raises:
            BlazenError: Something does not arrive; nothing is left there then.
        """
        try:
            if self._others.found_any:
                self._others.copy(needs.bundle())
            if needs.pushed:
                self._push(needs, user_ns)
            leaves = self._client.ref_leaves
            refs = {name: encode(ref, diversion=leaves) for name, ref in self._refs.items()}
            return self._others.moved(needs.bundle(refs))
        except BaseException:
            self.release()
            raise

    def _push(self, needs: Needs, user_ns: Mapping[str, Any]) -> None:
        first = needs.ahead()
        if first.names or first.modules:
            self._client.send_code(self._others.moved(first.bundle()))
        for name in needs.pushed:
            # A copy, in this process too: an instance must be of the class that its peer knows by that name.
            self._refs[name] = self._client.put(user_ns[name], copy=True)

    def release(self) -> None:
        """Let go of it."""
        for ref in self._refs.values():
            ref.release()
        self._others.release()


def _listed(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
