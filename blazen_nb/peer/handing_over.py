"""What a peer keeps for a session whose client is in this very process."""

from __future__ import annotations

from typing import Any

from blazen_nb.peer.ref_scopes import RefScope
from blazen_nb.shipping.described import RefInfo


class KeptHere:
    """See Objects."""

    def __init__(self, scope: RefScope) -> None:
        self._scope = scope

    def find(self, uuid: str) -> Any:
        """See Objects."""
        return self._scope.table.find(uuid, self._scope.identity).ref.value

    def keep(self, value: Any) -> RefInfo:
        """See Objects."""
        table = self._scope.table
        scope = table.scope_of(self._scope.identity, self._scope.session_id)
        return table.info(scope.keep(value))
