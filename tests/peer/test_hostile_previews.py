"""A preview does a peer no harm and leaves nothing behind, whatever the value does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from blazen_nb import PeerClient
from blazen_nb.engine.refs import RefLifetime, SessionRef
from blazen_nb.errors import BlazenError
from blazen_nb.peer import previews
from blazen_nb.peer.previews import AT_ONCE, MOST_LEFT_BEHIND, MOST_WAITING, Previews
from blazen_nb.render.preview import Preview, Row
from blazen_nb.render.ref import RefView
from blazen_nb.testing import LocalPeer
from tests.eventually import eventually
from tests.peer.conftest import SECONDS
from tests.peer.preview_steps import Says, kept, look, preview_threads
from tests.peer.ref_steps import gone

# --- values that do harm -------------------------------------------------------------------------------------


def test_a_repr_that_hangs_holds_up_nothing_else(
    client: PeerClient, released: threading.Event
) -> None:
    hangs = kept(client, Says("hangs", lambda _: str(released.wait(60))))
    fine = kept(client, ["fine"])
    views: list[RefView] = []
    looking = threading.Thread(target=lambda: views.append(look(hangs)))
    looking.start()
    eventually(preview_threads)
    began = time.monotonic()
    client.ping()
    assert client.run_remote_workflow("w", ["previews::echo"], {"x": 1}).result == 1
    assert look(fine).preview == Preview(about="1 item", rows=(Row("0", ("'fine'",)),))
    assert time.monotonic() - began < previews.SECONDS  # all of it while the other one hangs
    looking.join(SECONDS)
    assert views[0].no_preview == "it took longer than 0.8 s"
    assert look(hangs).no_preview == "its last preview has not ended yet"
    assert look(fine).preview is not None
    released.set()
    eventually(lambda: not preview_threads())
    assert look(hangs).preview == Preview(text="True")


def test_a_repr_that_computes_for_ever_is_interrupted(
    client: PeerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previews, "INTERRUPT_SECONDS", 0.1)

    def computes(_: Any) -> str:
        while True:
            pass

    ref = kept(client, Says("computes", computes))
    assert look(ref).no_preview == "it took longer than 0.8 s"
    eventually(lambda: not preview_threads())
    client.ping()


@pytest.mark.parametrize("stop", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_a_repr_that_would_end_the_process_ends_its_preview(
    client: PeerClient, stop: type[BaseException]
) -> None:
    def ends(_: Any) -> str:
        raise stop

    ref = kept(client, Says("ends", ends))
    assert look(ref).no_preview == f"a preview of the value ended with {stop.__name__}"
    assert look(kept(client, [1])).preview is not None


def test_what_a_repr_prints_is_seen_nowhere(
    peer: LocalPeer, client: PeerClient, capfd: pytest.CaptureFixture[str]
) -> None:
    def prints(_: Any) -> str:
        print("printed by a repr")
        return "said"

    assert look(kept(client, Says("prints", prints))).preview == Preview(text="said")
    said = capfd.readouterr()
    assert "printed" not in said.out + said.err


def test_a_value_that_changes_all_the_time_can_be_looked_at(client: PeerClient) -> None:
    live: dict[int, int] = {0: 0}
    ref = kept(client, live)
    over = threading.Event()

    def change() -> None:
        n = 0
        while not over.is_set():
            n += 1
            live[n] = n
            if len(live) > 100:
                live.clear()

    changing = threading.Thread(target=change)
    changing.start()
    try:
        for _ in range(20):
            assert look(ref).preview is not None
    finally:
        over.set()
        changing.join()


# --- what is left of it --------------------------------------------------------------------------------------


def keeps_an_error(value: Any) -> str:
    try:
        raise ValueError(value)
    except ValueError as error:
        value.error = error  # and with its traceback this frame and the value
        raise


def keeps_itself_for_its_thread(value: Any) -> str:
    here = threading.local()
    here.value = value
    value.local = here
    threading.current_thread().value = value  # type: ignore[attr-defined]
    return "kept"


@pytest.mark.parametrize("says", [keeps_an_error, keeps_itself_for_its_thread, lambda v: "fine"])
def test_nothing_holds_a_value_that_was_looked_at(
    client: PeerClient, says: Callable[[Any], str]
) -> None:
    ref = kept(client, Says("looked-at", says))
    assert look(ref).preview is not None
    ref.release()
    gone("looked-at")


def test_a_value_goes_once_the_preview_that_hung_has_ended(
    client: PeerClient, released: threading.Event
) -> None:
    ref = kept(client, Says("hung", lambda _: str(released.wait(60))))
    assert look(ref).preview is None
    ref.release()
    released.set()
    gone("hung")


# --- many ----------------------------------------------------------------------------------------------------


class Answers:
    """What came of previews that were asked for."""

    def __init__(self) -> None:
        self.previews: list[Preview] = []
        self.errors: list[BlazenError] = []

    def ask(self, service: Previews, value: Any, identity: str = "ann") -> None:
        """Ask for one of this value."""
        ref = SessionRef(value, RefLifetime.UntilParentFinish)
        service.ask(identity, ref, self.previews.append, self.errors.append)


@pytest.fixture
def service() -> Any:
    service = Previews()
    yield service
    service.close()


def test_so_many_hung_previews_and_no_more_but_others_are_served(
    service: Previews, released: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previews, "SECONDS", 0.05)
    answers = Answers()
    for n in range(MOST_LEFT_BEHIND):
        answers.ask(service, Says(f"hung-{n}", lambda _: str(released.wait(60))))
    eventually(lambda: len(answers.errors) == MOST_LEFT_BEHIND)
    answers.ask(service, [1])
    assert str(answers.errors[-1]) == "the peer is busy with other previews"
    other = Answers()
    other.ask(service, [1], "bob")
    eventually(lambda: other.previews)
    released.set()
    eventually(lambda: not preview_threads())
    answers.ask(service, [1])
    eventually(lambda: answers.previews)


def test_previews_wait_for_their_turn_up_to_a_limit(
    service: Previews, released: threading.Event
) -> None:
    answers = Answers()
    for n in range(AT_ONCE + MOST_WAITING):
        answers.ask(service, Says(f"waits-{n}", lambda _: str(released.wait(60))))
    assert len(preview_threads()) == AT_ONCE
    answers.ask(service, [1])
    assert str(answers.errors[-1]) == "the peer is busy with other previews"
    released.set()
    eventually(lambda: len(answers.previews) == AT_ONCE + MOST_WAITING)
    eventually(lambda: not service._desks)


def test_a_peer_that_closes_leaves_no_preview_behind_that_can_be_interrupted() -> None:
    def computes(_: Any) -> str:
        while True:
            pass

    with LocalPeer("closing") as peer:
        ref = kept(peer.client, Says("closing", computes))
        looking = threading.Thread(target=look, args=(ref,))
        looking.start()
        eventually(preview_threads)
    looking.join(SECONDS)
    eventually(lambda: not preview_threads())
