"""A server as (HTML, text), and as the parts of a live card: where it listens, how others connect, what it does."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from blazen_nb.render.icons import LOOKS, StateName, label, pill
from blazen_nb.render.markup import card, code, esc, head, muted, pairs, row, section, table
from blazen_nb.render.reprs import ROWS_LIMIT, Repr
from blazen_nb.render.style import style_tag
from blazen_nb.render.words import clip, one_line, plural, seconds, short_run, shown_address

Access = Literal["file", "token", "certificate", "open"]
"""What a client shows: a token that local ones find in a file, one that they are given, a certificate, or nothing."""

_ACCESS: dict[Access, str] = {
    "file": "never shown; your notebooks on this machine find it, for others set BLAZEN_PEER_TOKEN on both sides",
    "token": "never shown; BLAZEN_PEER_TOKEN must be the same where the other notebook runs",
    "certificate": "none; clients show a certificate, which BLAZEN_PEER_CERT and BLAZEN_PEER_KEY name",
    "open": "none; whoever reaches this peer can run its steps",
}
_ANY_HOST = ("0.0.0.0", "[::]")  # noqa: S104 - recognised, not bound
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedRun:
    """A run in flight."""

    run_id: str
    state: StateName
    workflow_name: str
    client: str = ""
    elapsed: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedSession:
    """A connected client."""

    client: str
    namespace: str = ""
    """Its name; empty for one of the session's own."""
    since: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerServerView:
    """What a server shows of itself: no token, and no path."""

    node_id: str
    address: str = ""
    """Empty while it does not listen."""
    state: StateName = "serving"
    """new, serving or stopped."""
    trust: str = ""
    """How connections are protected, in a few words."""
    access: Access = "file"
    found_locally: bool = True
    """Whether clients of this user on this machine find it without an address."""
    exposed: tuple[str, ...] = ()
    """Names that every namespace sees."""
    since: float | None = None
    """When it began to serve, in seconds since the epoch."""
    until: float | None = None
    sessions: tuple[ServedSession, ...] = ()
    runs: tuple[ServedRun, ...] = ()


def peer_server_repr(view: PeerServerView) -> Repr:
    """A server's card, and ``PeerServer(notebook-7f, serving)``."""
    return (
        _static_card(view, "PeerServer", ""),
        one_line("PeerServer", [view.node_id, LOOKS[view.state].word.lower()]),
    )


def launched_card(view: PeerServerView) -> str:
    """What is read where the live card is not: a saved notebook, opened later."""
    served = view.state == "serving"
    as_of = f"as of {_clock(time.time())}; the card is live where the notebook runs"
    return _static_card(view, _ABOUT if served else "", as_of if served else "")


def live_server_parts(view: PeerServerView, *, stopping: bool = False) -> dict[str, str]:
    """The HTML of each part of a live card: head, reach, load, status; send the ones that changed."""
    word = "Stopping" if stopping else LOOKS[view.state].word
    said = f"Peer {view.node_id}: {word.lower()}"
    return {
        "head": _header(view, _ABOUT, slot=True),
        "reach": _reach(view),
        "load": _load(view),
        "status": f'<div class="bzn-sr" role="status">{esc(said)}</div>',
    }


_ABOUT = "this notebook is a peer"


def _static_card(view: PeerServerView, about: str, note: str) -> str:
    body = style_tag() + _header(view, about, slot=False, note=note) + _reach(view)
    body += _load(view) if view.state == "serving" else ""
    return card(body, f"Peer server {view.node_id}: {LOOKS[view.state].word}")


def _header(view: PeerServerView, about: str, *, slot: bool, note: str = "") -> str:
    first = head(pill(view.state), clip(view.node_id, 60), about, _when(view), slot=slot)
    return first + (f'<div class="bzn-meta"><span>{esc(note)}</span></div>' if note else "")


def _when(view: PeerServerView) -> str:
    if view.since is None:
        return ""
    if view.until is None:
        return f"since {_clock(view.since)}"
    return f"served {_clock(view.since)} to {_clock(view.until)}"


def _reach(view: PeerServerView) -> str:
    """Where it is and what to type elsewhere; nothing once it is over."""
    if not view.address:
        return ""
    about = ", ".join(word for word in (_nearness(view.address), view.trust) if word)
    rows = [("Address", f"{code(shown_address(view.address))} {muted(about)}")]
    rows += _ways(view)
    rows.append(("Token", esc(_ACCESS[view.access])))
    rows.append(("Cells see", " ".join(code(clip(name, 60)) for name in view.exposed)))
    return section(pairs(rows))


def _ways(view: PeerServerView) -> list[tuple[str, str]]:
    """(From where, what to type there)."""
    name = re.sub(r"\W+", "-", view.node_id).strip("-") or "peer"
    local = code("%blazen_connect local") if view.found_locally else ""
    if view.address.startswith("unix:"):
        return [("Same machine", local)]
    scheme, _, rest = view.address.rpartition("://")
    host, _, port = rest.rpartition(":")
    prefix = f"{scheme}://" if scheme else ""
    if not _is_loopback(host):
        reached = "THIS_MACHINE" if host in _ANY_HOST else host
        return [("Another notebook", code(f"%blazen_connect {name} {prefix}{reached}:{port}"))]
    always = code(f"%blazen_connect {name} {view.address}")
    here = f"{local} {muted('the newest peer here; or')} {always}" if local else always
    tunnel = code(f"ssh -N -L {port}:{host}:{port} THIS_MACHINE")
    there = code(f"%blazen_connect {name} {prefix}127.0.0.1:{port}")
    return [("Same machine", here), ("Other machine", f"{tunnel} {muted('then')} {there}")]


def _is_loopback(host: str) -> bool:
    return host.startswith("127.") or host == "[::1]"


def _nearness(address: str) -> str:
    host = address.rpartition("://")[2].rpartition(":")[0]
    return "this machine only" if address.startswith("unix:") or _is_loopback(host) else ""


def _load(view: PeerServerView) -> str:
    """Who is connected and what runs, each as a table where there is any."""
    counts = f"{plural(len(view.sessions), 'session')}, {plural(len(view.runs), 'run')} in flight"
    body = _listed("Sessions", _SESSION_HEADS, view.sessions, _session_row)
    runs = _listed("Runs", _RUN_HEADS, view.runs, _run_row)
    body += f'<div class="bzn-after">{runs}</div>' if runs and body else runs
    return section(body or f"<p>{muted('nobody is connected')}</p>", "Sessions and runs", counts)


_SESSION_HEADS = [("Session", "", ""), ("Namespace", "", ""), ("Connected", "88px", "r e")]
_RUN_HEADS = [
    ("Run", "88px", ""),
    ("State", "136px", ""),
    ("Workflow", "", ""),
    ("Client", "", "bzn-x"),
    ("Time", "72px", "r e"),
]


def _listed(
    name: str,
    heads: Sequence[tuple[str, str, str]],
    items: Sequence[_Item],
    as_row: Callable[[_Item], str],
) -> str:
    if not items:
        return ""
    more = len(items) - ROWS_LIMIT
    rest = f'<p class="bzn-m bzn-more">and {more:,} more</p>' if more > 0 else ""
    return table(name, heads, [as_row(item) for item in items[:ROWS_LIMIT]]) + rest


def _session_row(session: ServedSession) -> str:
    # What a client names its namespace may be a path of its machine.
    namespace = re.split(r"[/\\]", session.namespace)[-1]
    cells = [(esc(clip(namespace, 60) or "its own"), "z"), (_clock(session.since), "r e")]
    return row(clip(session.client or "a client", 60), cells)


def _run_row(run: ServedRun) -> str:
    now = run.elapsed or 0.0
    cells = [(label(run.state, "", now), ""), (esc(clip(run.workflow_name, 80)), "")]
    cells += [(esc(clip(run.client, 60)), "z bzn-x"), (seconds(run.elapsed), "r e")]
    return row(short_run(run.run_id), cells)


def _clock(moment: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(moment))
