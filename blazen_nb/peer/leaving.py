"""Values on their way out of a run: what is small travels, what is large or cannot travel stays, and a ref goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from blazen_nb.engine.refs import SessionRef
from blazen_nb.errors import BlazenError, LimitError
from blazen_nb.peer.ref_scopes import Kept, RefScope
from blazen_nb.shipping.diversion import REF, Leaf
from blazen_nb.shipping.values import EncodedValue, encode
from blazen_nb.wire.ref_messages import ref_message


class KnownRefs:
    """Lets the refs that steps made travel as refs (Diversion); everything else goes by its codec."""

    largest_leaf: int | None = None

    def __init__(self, scope: RefScope) -> None:
        self._scope = scope

    def take(self, value: Any) -> Leaf | None:
        """See Diversion.

        Raises:
            SessionRefError: The ref was released.
        """
        if not isinstance(value, SessionRef):
            return None
        return self.leaf(self._scope.table.find(value.uuid, self._scope.identity))

    def take_rest(self, value: Any) -> Leaf | None:
        """See Diversion: the codec's error stands."""
        return None

    def leaf(self, kept: Kept) -> Leaf:
        """The leaf of this ref."""
        return REF, ref_message(self._scope.table.info(kept)).SerializeToString()


class _StayingParts(KnownRefs):
    """And makes refs of what is too large or cannot travel."""

    def __init__(self, scope: RefScope, keep: Callable[[Any], Kept]) -> None:
        super().__init__(scope)
        self._keep = keep
        self.largest_leaf = scope.table.limits.cell_value_bytes

    def take_rest(self, value: Any) -> Leaf | None:
        """See Diversion."""
        return self.leaf(self._keep(value))


class LeavingValues:
    """Encodes the values of a run that has ended for the caller of our own wire.

    Args:
        keep: Has the run keep a value.
        same_minor: The caller runs this Python minor, so code may travel by value.
        home: Module name of the run's namespace.
        keep_all: Whatever can be a ref is one.
    """

    def __init__(
        self,
        scope: RefScope,
        keep: Callable[[Any], Kept],
        *,
        same_minor: bool,
        home: str,
        keep_all: bool,
    ) -> None:
        self._limits = scope.table.limits
        self._keep = keep
        self._same_minor = same_minor
        self._home = home
        self._keep_all = keep_all
        self._known = KnownRefs(scope)
        self._staying = _StayingParts(scope, keep)

    def by_parts(self, value: Any) -> EncodedValue:
        """JSON as it is; every other part that is large or cannot travel as a ref, where all is too large the whole.

        Raises:
            BlazenError: It cannot even stay.
        """
        if self._keep_all:
            return self._as_ref(value)
        try:
            return self._encoded(value, self._limits.message_bytes, self._staying)
        except LimitError:
            return self._as_ref(value)

    def whole(self, value: Any) -> EncodedValue:
        """The value, or a ref to all of it.

        Raises:
            BlazenError: It cannot even stay.
        """
        if self._keep_all:
            return self._as_ref(value)
        try:
            return self._encoded(value, self._limits.cell_value_bytes, self._known)
        except BlazenError:
            return self._as_ref(value)

    def _encoded(self, value: Any, limit: int, diversion: KnownRefs) -> EncodedValue:
        return encode(
            value, same_minor=self._same_minor, home=self._home, limit=limit, diversion=diversion
        )

    def _as_ref(self, value: Any) -> EncodedValue:
        if value is None:
            return EncodedValue(b"null")
        leaf = self._known.take(value) or self._known.leaf(self._keep(value))
        return EncodedValue(b'{"$leaf":0}', (leaf,))
