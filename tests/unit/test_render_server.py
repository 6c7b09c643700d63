"""What a server shows of itself: where it is, how others reach it, who is there; no token and no path."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest

from blazen_nb.render.reprs import ROWS_LIMIT
from blazen_nb.render.server import (
    Access,
    PeerServerView,
    ServedRun,
    ServedSession,
    launched_card,
    live_server_parts,
    peer_server_repr,
)
from tests.unit.render_seen import HOSTILE, Seen

MOMENT = time.mktime((2026, 1, 2, 14, 2, 11, 0, 0, -1))
SESSION = ServedSession(client="analysis.ipynb", namespace="nb-81c2", since=MOMENT + 60)
RUN = ServedRun(
    run_id="4f1c09aa", state="running", workflow_name="index_docs", client="nb", elapsed=14.2
)
SERVING = PeerServerView(
    node_id="notebook-7f",
    address="127.0.0.1:51734",
    exposed=("model", "tokenizer"),
    since=MOMENT,
    sessions=(SESSION,),
    runs=(RUN,),
)
STOPPED = PeerServerView(node_id="notebook-7f", state="stopped", since=MOMENT, until=MOMENT + 5)


def text_of(view: PeerServerView) -> str:
    return Seen(peer_server_repr(view)[0]).text


def test_it_says_where_it_is_how_others_reach_it_and_what_it_does() -> None:
    assert text_of(SERVING) == (
        "Serving notebook-7f PeerServer since 14:02:11 "
        "Address 127.0.0.1:51734 this machine only "
        "Same machine %blazen_connect local the newest peer here; or "
        "%blazen_connect notebook-7f 127.0.0.1:51734 "
        "Other machine ssh -N -L 51734:127.0.0.1:51734 THIS_MACHINE then "
        "%blazen_connect notebook-7f 127.0.0.1:51734 "
        "Token never shown; your notebooks on this machine find it, for others set BLAZEN_PEER_TOKEN on both sides "
        "Cells see model tokenizer "
        "Sessions and runs 1 session, 1 run in flight "
        "Session Namespace Connected analysis.ipynb nb-81c2 14:03:11 "
        "Run State Workflow Client Time 4f1c09 Running index_docs nb 14.2 s"
    )


@pytest.mark.parametrize(
    ("view", "text"),
    [
        (SERVING, "PeerServer(notebook-7f, serving)"),
        (STOPPED, "PeerServer(notebook-7f, stopped)"),
        (PeerServerView(node_id="n", state="new"), "PeerServer(n, not started)"),
    ],
)
def test_the_text_is_one_stable_line(view: PeerServerView, text: str) -> None:
    assert peer_server_repr(view)[1] == text


def test_once_it_has_stopped_nothing_of_it_can_be_reached() -> None:
    assert Seen(launched_card(STOPPED)).text == "Stopped notebook-7f served 14:02:11 to 14:02:16"


def test_what_is_read_where_the_card_is_not_live_says_of_when_it_is() -> None:
    said = Seen(launched_card(SERVING)).text
    assert re.search(r"as of \d\d:\d\d:\d\d; the card is live where the notebook runs", said)


@pytest.mark.parametrize(
    ("address", "typed"),
    [
        ("0.0.0.0:7070", "%blazen_connect notebook-7f THIS_MACHINE:7070"),
        ("https://gpu-box:7443", "%blazen_connect notebook-7f https://gpu-box:7443"),
        ("https://127.0.0.1:7443", "%blazen_connect notebook-7f https://127.0.0.1:7443"),
        ("[::1]:7070", "ssh -N -L 7070:[::1]:7070 THIS_MACHINE"),
        ("unix:/home/ada/private/peer.sock", "%blazen_connect local"),
    ],
)
def test_what_to_type_suits_the_address(address: str, typed: str) -> None:
    said = text_of(replace(SERVING, address=address))
    assert typed in said
    assert "/home/ada" not in said


def test_a_name_that_is_no_word_is_one_where_it_is_typed() -> None:
    said = text_of(replace(SERVING, node_id="gpu box (left)"))
    assert "%blazen_connect gpu-box-left 127.0.0.1:51734" in said


def test_a_peer_with_a_token_of_its_own_is_reached_by_its_address() -> None:
    said = text_of(replace(SERVING, access="token", found_locally=False))
    assert "%blazen_connect local" not in said
    assert "BLAZEN_PEER_TOKEN must be the same" in said


@pytest.mark.parametrize(
    ("access", "words"),
    [("certificate", "BLAZEN_PEER_CERT"), ("open", "whoever reaches this peer can run its steps")],
)
def test_without_a_token_it_says_who_may_call(access: Access, words: str) -> None:
    assert words in text_of(replace(SERVING, access=access))


def test_of_a_namespace_only_the_last_name_is_shown() -> None:
    paths = [r"C:\Users\ada\secret.ipynb", "/home/ada/secret.ipynb"]
    sessions = tuple(ServedSession(client="", namespace=path, since=MOMENT) for path in paths)
    said = text_of(replace(SERVING, sessions=sessions))
    assert said.count("a client secret.ipynb") == 2
    assert "ada" not in said


def test_a_namespace_without_a_name_is_the_sessions_own() -> None:
    sessions = (ServedSession(client="nb", since=MOMENT),)
    assert "nb its own 14:02:11" in text_of(replace(SERVING, sessions=sessions))


def test_of_a_crowd_some_are_listed_and_the_rest_is_counted() -> None:
    said = text_of(replace(SERVING, sessions=(SESSION,) * (ROWS_LIMIT + 3), runs=()))
    assert said.count("analysis.ipynb") == ROWS_LIMIT
    assert "43 sessions, 0 runs in flight" in said
    assert said.endswith("and 3 more")


def test_where_nobody_is_connected_it_says_so() -> None:
    said = text_of(replace(SERVING, sessions=(), runs=()))
    assert said.endswith("0 sessions, 0 runs in flight nobody is connected")


def test_the_live_parts_say_what_the_card_says() -> None:
    parts = {name: Seen(html).text for name, html in live_server_parts(SERVING).items()}
    assert parts.pop("status") == "Peer notebook-7f: serving"
    assert " ".join(parts.values()) == text_of(SERVING).replace(
        "PeerServer", "this notebook is a peer"
    )
    stopping = live_server_parts(SERVING, stopping=True)
    assert Seen(stopping["status"]).text == "Peer notebook-7f: stopping"
    assert ("role", "status") in Seen(stopping["status"]).attributes


def test_only_runs_move_with_the_clock() -> None:
    later = replace(SERVING, runs=(replace(RUN, elapsed=15.2),))
    before, after = live_server_parts(SERVING), live_server_parts(later)
    assert [name for name in before if before[name] != after[name]] == ["load"]


def test_hostile_names_stay_text_and_tables_have_names() -> None:
    run = replace(RUN, run_id=HOSTILE, workflow_name=HOSTILE, client=HOSTILE)
    session = ServedSession(client=HOSTILE, namespace=HOSTILE, since=MOMENT)
    view = PeerServerView(
        node_id=HOSTILE,
        address="127.0.0.1:1",
        exposed=(HOSTILE,),
        sessions=(session,),
        runs=(run,),
    )
    for html in (peer_server_repr(view)[0], *live_server_parts(view).values()):
        assert not {"script", "img"} & set(Seen(html).tags)
    named = {
        value for name, value in Seen(launched_card(SERVING)).attributes if name == "aria-label"
    }
    assert {"Sessions", "Runs", "Peer server notebook-7f: Serving"} <= named
