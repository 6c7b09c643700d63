"""Refs of other peers among the values that a cell needs: found while its bundle is made, copied once it is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from blazen_nb.client.known import KnownPeer
from blazen_nb.client.refs import RemoteRef
from blazen_nb.client.transferring import Copies, copies_of
from blazen_nb.shipping.code import CodeBundle
from blazen_nb.shipping.diversion import Leaf
from blazen_nb.shipping.values import EncodedValue


class BundleRefs:
    """Lets refs of other peers into a bundle (Diversion), where ``moved`` puts copies in their place.

    What the cell turns out not to need is never copied.

    Args:
        client: Of the peer that the cell is to run on.
    """

    largest_leaf: int | None = None

    def __init__(self, client: KnownPeer) -> None:
        self._link = client._link
        self._taken: dict[bytes, RemoteRef] = {}
        self._copies = Copies(self._link)
        self.copied: dict[str, str] = {}
        """The names whose values were copied, or hold what was, and the peers that it came from."""

    def take(self, value: Any) -> Leaf | None:
        """See Diversion.

        Raises:
            SessionRefError: The ref was released, or its peer was restarted.
        """
        if not isinstance(value, RemoteRef) or value.is_on(self._link):
            return self._link.refs.take(value)
        leaf = value.leaf(value.link())
        self._taken[leaf[1]] = value
        return leaf

    def take_rest(self, value: Any) -> Leaf | None:
        """See Diversion: the codec's error stands."""
        return None

    @property
    def found_any(self) -> bool:
        """Whether there was any."""
        return bool(self._taken)

    def copy(self, bundle: CodeBundle) -> None:
        """Copy what the refs in the bundle stand for; ``release`` lets the peer drop the copies.

        Raises:
            BlazenError: One of them cannot be copied; none is left then.
        """
        refs = {name: found for name, value in bundle.values if (found := self._refs_in(value))}
        every = {ref.uuid: ref for found in refs.values() for ref in found}
        self._copies = copies_of(list(every.values()), self._link)
        self.copied = {
            name: ", ".join(dict.fromkeys(ref.owner for ref in found))
            for name, found in refs.items()
        }

    def moved(self, bundle: CodeBundle) -> CodeBundle:
        """The bundle with the copies in the place of what they were made of."""
        digests = dict(bundle.value_digests)
        for name, value in bundle.values:
            if value.json == _ONE_LEAF and (found := self._refs_in(value)):
                digests[name] = _of(found[0]) + self._copies[found[0]].uuid
        values = tuple((name, self._with_copies(value)) for name, value in bundle.values)
        return replace(bundle, values=values, value_digests=digests)

    def release(self) -> None:
        """The cell was accepted, or will not be: what was copied is its variables' alone."""
        self._copies.release()

    def _refs_in(self, value: EncodedValue) -> list[RemoteRef]:
        return [self._taken[payload] for _, payload in value.leaves if payload in self._taken]

    def _with_copies(self, value: EncodedValue) -> EncodedValue:
        leaves = (
            self._copies[self._taken[leaf[1]]].leaf(self._link) if leaf[1] in self._taken else leaf
            for leaf in value.leaves
        )
        return value._replace(leaves=tuple(leaves))


_ONE_LEAF = b'{"$leaf":0}'


def copied_before(value: Any, digest: str | None) -> bool:
    """Whether what arrived on a peer under a name is a copy of what this ref of another one stands for.

    Args:
        digest: That of what arrived and still stands there; None where nothing does.
    """
    return isinstance(value, RemoteRef) and (digest or "").startswith(_of(value))


def _of(ref: RemoteRef) -> str:
    return f"copy of {ref.uuid}: "
