"""Words and numbers as every picture writes them; knows nothing of runs or HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
# Invisible characters: controls say nothing in a picture, bidi overrides can make it lie.
_HIDDEN = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160), 8232, 8233))
_HIDDEN |= dict.fromkeys((*range(8234, 8239), *range(8294, 8298)))


def visible(text: str) -> str:
    """The text without terminal escapes, control characters and direction overrides; newlines and tabs stay."""
    return (_ANSI.sub("", text) if "\x1b" in text else text).translate(_HIDDEN)


def clip(text: str, limit: int) -> str:
    """The text in at most ``limit`` characters, the cut marked at its end."""
    return text if len(text) <= limit else text[: max(0, limit - 3)] + "..."


def clip_middle(text: str, limit: int) -> str:
    """The text in at most ``limit`` characters, cut in the middle: names differ at both ends."""
    if len(text) <= limit:
        return text
    front = limit // 2
    return text[:front] + "..." + text[len(text) - (limit - front - 3) :]


def first_line(text: str, limit: int) -> str:
    """The first line of the text in at most ``limit`` characters; what is missing is marked."""
    line, newline, _ = text.strip().partition("\n")
    return clip(line + " ...", limit) if newline else clip(line, limit)


def seconds(value: float | None) -> str:
    """``0.42 s``, ``17.9 s``, ``1:36``, ``2:03:07``; empty for None."""
    if value is None:
        return ""
    value = max(0.0, value)
    if value < 9.995:
        return f"{value:.2f} s"
    if value < 59.95:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def amount(value: float) -> str:
    """``1,200`` for a whole number, else at most two decimals."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}".rstrip("0")


def plural(count: int, one: str, many: str = "") -> str:
    """``1 step``, ``1,000 steps``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def short_run(run_id: str) -> str:
    """What a person needs of a run ID to tell runs apart."""
    return run_id[:6]


def short_type(event_type: str) -> str:
    """The event type without its namespace: ``blazen::StopEvent`` reads ``StopEvent``."""
    return event_type.rpartition("::")[2] or event_type


def shown_address(address: str) -> str:
    """The address as it is shown and saved: of a socket only the name, for its path is this machine's business."""
    return f"unix:{address.rpartition('/')[2]}" if address.startswith("unix:") else address


def one_line(kind: str, facts: Iterable[str]) -> str:
    """``PeerClient(gpu-box, connected, 3 steps)``: what an object is where there is only text."""
    told = (clip(visible(fact).replace("\n", " "), 60) for fact in facts if fact)
    return f"{kind}({', '.join(told)})"
