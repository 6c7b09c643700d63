"""What must stand in no saved notebook: a token or a part of one, a path of this machine, a widget's state."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PART = 20
"""So many characters of a token are a leak."""
_PATHS = ("/root/", "/home/", "/tmp/", "/Users/", "ipykernel_", "site-packages")


def leaks(path: Path, tokens: Iterable[str] = ()) -> list[str]:
    """What of it is found in the outputs and the metadata of a notebook's file, each with where."""
    notebook: dict[str, Any] = json.loads(path.read_text())
    found = [f"{path.name}: metadata.widgets"] if "widgets" in notebook["metadata"] else []
    for number, cell in enumerate(notebook["cells"]):
        saved = {key: value for key, value in cell.items() if key != "source"}
        text = json.dumps(saved, ensure_ascii=False)
        found += [f"{path.name}, cell {number}: {what}" for what in _in_text(text, tokens)]
    return found


def live_tokens() -> list[str]:
    """The tokens of the peers that run as this user, from their connection files."""
    from blazen_nb.wire import connection_file

    return [file.token for file in connection_file.live() if file.token]


def _in_text(text: str, tokens: Iterable[str]) -> list[str]:
    places = {
        *_PATHS,
        tempfile.gettempdir() + "/",
        sys.prefix,
        sys.base_prefix,
        str(Path.home()) + "/",
    }
    found = [place for place in sorted(places) if place in text]
    for token in tokens:
        parts = (token[at : at + PART] for at in range(max(1, len(token) - PART + 1)))
        found += ["a token, or a part of one"] if any(part in text for part in parts) else []
    return found
