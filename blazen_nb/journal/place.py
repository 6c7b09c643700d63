"""Where a peer's journal lies when nobody says otherwise."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

_READABLE_CHARACTERS = 40
_DIGEST_CHARACTERS = 12


def journal_path(node_id: str) -> Path:
    """The file of the peer of this name, in the user's state folder; nothing is made.

    The same name gives the same file, another name another one, whatever characters are in them.
    """
    # The digest keeps apart what is alike once it is readable, or on a disk that ignores case.
    digest = hashlib.sha256(node_id.encode("utf-8", "surrogatepass")).hexdigest()
    readable = re.sub(r"[^A-Za-z0-9_-]+", "_", node_id)[:_READABLE_CHARACTERS]
    return _state_folder() / f"{readable}-{digest[:_DIGEST_CHARACTERS]}.db"


def _state_folder() -> Path:
    # The specification of these folders has relative ones ignored.
    named = os.environ.get("XDG_STATE_HOME", "")
    base = Path(named) if os.path.isabs(named) else Path.home() / ".local" / "state"
    return base / "blazen_nb" / "journals"
