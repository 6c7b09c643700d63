"""A real peer and real clients on loopback; what blocks in a test is let go at its end."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator
from typing import Any, Protocol, TypeAlias, TypeVar

import pytest

from blazen_nb.client.sync import PeerClient
from blazen_nb.client.sync_handle import RunHandle
from blazen_nb.engine.result import WorkflowResult
from blazen_nb.peer import capture
from blazen_nb.shipping.cell import parse_cell
from blazen_nb.testing import LocalPeer
from tests.peer.certificates import Authority

Made_co = TypeVar("Made_co", covariant=True)
SECONDS = 5.0
"""How long a test waits for what should be there at once."""


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Function) -> Generator[None, None, None]:
    # The test runner exchanges sys.stdout between the fixtures and the test: a peer that was there before is told.
    if "peer" in item.fixturenames:
        capture.uninstall()
        capture.install()
    return (yield)


@pytest.fixture
def peer() -> Iterator[LocalPeer]:
    """A peer and a client of it."""
    with LocalPeer("gpu-box") as peer:
        yield peer


@pytest.fixture
def client(peer: LocalPeer) -> PeerClient:
    """The peer's first client."""
    return peer.client


@pytest.fixture
def other(peer: LocalPeer) -> Iterator[PeerClient]:
    """A second client of the same peer: a session and a namespace of its own."""
    with peer.connect() as client:
        yield client


@pytest.fixture
def a() -> Iterator[LocalPeer]:
    """The first of two peers."""
    with LocalPeer("a") as peer:
        yield peer


@pytest.fixture
def b() -> Iterator[LocalPeer]:
    """The second one."""
    with LocalPeer("b") as peer:
        yield peer


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """What steps of a test block on; set at its end, so that none is left."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A CA that this module's peers and clients know."""
    return Authority(tmp_path_factory.mktemp("certificates"), "our CA")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A CA that they do not know."""
    return Authority(tmp_path_factory.mktemp("certificates"), "their CA")


class OnCell(Protocol[Made_co]):
    """Takes a cell; ``number`` is its number in the notebook."""

    def __call__(
        self,
        text: str,
        number: int = 1,
        *,
        client: PeerClient | None = None,
        input: Any = None,
        outputs: Iterable[str] = (),
    ) -> Made_co: ...


StartCell: TypeAlias = OnCell[RunHandle]
"""Starts a cell."""
RunCell: TypeAlias = OnCell[WorkflowResult]
"""Runs a cell to its end."""


@pytest.fixture
def start_cell(client: PeerClient) -> StartCell:
    """Start a cell, by default on the first client."""
    first = client

    def start(
        text: str,
        number: int = 1,
        *,
        client: PeerClient | None = None,
        input: Any = None,
        outputs: Iterable[str] = (),
    ) -> RunHandle:
        cell = parse_cell(text, label=f"cell [{number}]", first_line=2)
        return (client or first).start_cell(cell, input=input, outputs=outputs)

    return start


@pytest.fixture
def run_cell(start_cell: StartCell) -> RunCell:
    """Run a cell and give its result."""

    def run(text: str, number: int = 1, **how: Any) -> WorkflowResult:
        return start_cell(text, number, **how).result(SECONDS)

    return run
