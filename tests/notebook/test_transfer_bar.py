"""The bar of a value that takes long between a notebook and a peer."""

from __future__ import annotations

import time

from tests.notebook.conftest import PeerProcess
from tests.notebook.kernels import Kernel

SLOWLY = """
import time
from blazen_nb import PeerClient
from blazen_nb.shipping.bulk import Bulk
if "span" not in globals():
    span = Bulk.span
def slowly(bulk, start, end):
    time.sleep(pause)
    return span(bulk, start, end)
Bulk.span = slowly
client = PeerClient.connect({address!r})
"""


def test_a_slow_transfer_has_a_bar_that_ends_full(kernel: Kernel, gpu0: PeerProcess) -> None:
    assert kernel.run(f"pause = 0.06\n{SLOWLY.format(address=gpu0.address)}").status == "ok"
    cell = kernel.run("ref = client.put(bytes(16 << 20)); ref.size")
    (bar,) = cell.shown
    assert 'role="progressbar"' in bar["text/html"]
    assert ">100%<" in bar["text/html"]
    assert ">Arrived<" in bar["text/html"]
    assert ">bytes to gpu0<" in bar["text/html"]
    assert bar["text/plain"] == "bytes to gpu0"


def test_a_transfer_that_is_awaited_has_one_too(kernel: Kernel, gpu0: PeerProcess) -> None:
    kernel.run(f"pause = 0.06\n{SLOWLY.format(address=gpu0.address)}")
    kernel.run(
        f"from blazen_nb import AsyncPeerClient\nmine = await AsyncPeerClient.connect({gpu0.address!r})"
    )
    cell = kernel.run("ref = await mine.put(bytes(16 << 20)); ref.size")
    (bar,) = cell.shown
    assert ">Arrived<" in bar["text/html"]
    assert kernel.run("await mine.close()").status == "ok"


def test_a_quick_transfer_and_a_static_notebook_have_no_bar(
    kernel: Kernel, gpu0: PeerProcess
) -> None:
    kernel.run(f"pause = 0\n{SLOWLY.format(address=gpu0.address)}")
    assert kernel.run("ref = client.put(bytes(4 << 20))").outputs == []
    kernel.run("import os\nos.environ['BLAZEN_NB_STATIC'] = '1'\npause = 0.06")
    try:
        assert kernel.run("ref = client.put(bytes(16 << 20))").outputs == []
    finally:
        kernel.run("del os.environ['BLAZEN_NB_STATIC']")


def test_an_interrupt_ends_a_transfer_at_once(kernel: Kernel, gpu0: PeerProcess) -> None:
    kernel.run(f"pause = 0.05\n{SLOWLY.format(address=gpu0.address)}")
    ticket = kernel.send("ref = client.put(bytes(400 << 20))")
    kernel.wait_for(ticket, "progressbar")
    began = time.monotonic()
    kernel.interrupt()
    cell = kernel.wait(ticket)
    assert time.monotonic() - began < 1.0
    assert cell.error == "KeyboardInterrupt"
    assert "Given up" in cell.shown[-1]["text/html"]
    assert (
        kernel.run("pause = 0; client.put(bytes(2 << 20)).fetch() == bytes(2 << 20)").text == "True"
    )
