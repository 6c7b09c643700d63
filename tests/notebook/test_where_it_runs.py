"""Remote cells on several peers at once, in namespaces of other names, in emptied ones, with prints where one wants them."""

from __future__ import annotations

import pytest

from tests.notebook.conftest import PeerProcess
from tests.notebook.kernels import Kernel

STEP = """
from blazen_nb import Context, StartEvent, StopEvent, step


@step
def where(ctx: Context, ev: StartEvent) -> StopEvent:
    print("a step speaks")
    return StopEvent(result={result})"""


@pytest.fixture(scope="module")
def two(kernel: Kernel, gpu1: PeerProcess) -> Kernel:
    """The kernel, connected to a second peer."""
    kernel.run(f"%blazen_connect gpu1 {gpu1.address}")
    return kernel


def test_a_cell_on_two_peers_gives_a_result_for_each(two: Kernel, gpu0: PeerProcess) -> None:
    cell = two.run("%%blazen_remote -p gpu0,gpu1 -o me\nimport os\nme = os.getpid()\nme")
    assert cell.status == "ok"
    assert f"'gpu0': {gpu0.pid}" in cell.text
    assert two.run("sorted(me), me['gpu0'] != me['gpu1']").text == "(['gpu0', 'gpu1'], True)"


def test_each_peer_has_a_pane_in_one_card(two: Kernel) -> None:
    cell = two.run("%%blazen_remote -p gpu0,gpu1\nprint('said on each')")
    (card,) = cell.shown
    html = card["text/html"]
    assert html.count('class="bzn-pane"') == 2
    assert "Output on gpu0" in html
    assert "Output on gpu1" in html
    assert cell.stdout == ""
    assert "<script" not in html
    lines = card["text/plain"].splitlines()
    assert len(lines) == 2
    assert "on gpu0: succeeded" in lines[0]
    assert "on gpu1: succeeded" in lines[1]


def test_a_workflow_on_two_peers_binds_a_dict_of_results(two: Kernel) -> None:
    cell = two.run("%%blazen_remote -p gpu0,gpu1 -o run" + STEP.format(result="7"))
    assert (cell.status, cell.text) == ("ok", "")
    assert two.run("{peer: r.result for peer, r in run.items()}").text == "{'gpu0': 7, 'gpu1': 7}"


def test_where_one_peer_fails_the_result_of_the_other_is_there(two: Kernel) -> None:
    two.run("%%blazen_remote -p gpu0\nonly = 1")
    two.run("%%blazen_remote -p gpu1\nonly = 0")
    cell = two.run("%%blazen_remote -p gpu0,gpu1 -o half\nhalf = 1 / only\nhalf")
    assert cell.error == "WorkflowError"
    assert "gpu1" in cell.message
    assert two.run("half").text == "{'gpu0': 1.0}"


def test_an_interrupt_ends_the_runs_on_all_peers(two: Kernel) -> None:
    running = two.send(
        "%%blazen_remote -p gpu0,gpu1 --quiet\nprint('working')\nwhile True:\n    pass"
    )
    two.wait_for(running, "working")
    two.interrupt()
    cell = two.wait(running)
    assert cell.error == "KeyboardInterrupt"
    assert cell.message.count("ended: cancelled") == 2


def test_a_cell_that_cannot_travel_runs_on_none(two: Kernel, gpu0: PeerProcess) -> None:
    before = gpu0.said().count(" starts: ")
    assert two.run("%%blazen_remote -p gpu0,gpu1\nno_such_name").error == "ShippingError"
    assert gpu0.said().count(" starts: ") == before


def test_a_fresh_namespace_has_nothing_of_earlier_cells(kernel: Kernel) -> None:
    kernel.run("%%blazen_remote -p gpu0\nold = 'still here'\nbig = [0] * 1000")
    assert kernel.run("%%blazen_remote -p gpu0 --fresh\n'old' in globals()").text == "False"
    assert kernel.run("%%blazen_remote -p gpu0\nold").error == "ShippingError"


def test_a_namespace_of_another_name_is_shared_by_notebooks(
    kernel: Kernel, fresh_kernel: Kernel, gpu0: PeerProcess
) -> None:
    kernel.run("%%blazen_remote -p gpu0 --namespace shared\ntogether = 5")
    assert kernel.run("%%blazen_remote -p gpu0\ntogether").error == "ShippingError"
    fresh_kernel.run("%load_ext blazen_nb")
    fresh_kernel.run(f"%blazen_connect gpu0 {gpu0.address}")
    assert fresh_kernel.run("%%blazen_remote --namespace shared\ntogether + 1").text == "6"
    assert fresh_kernel.run("%%blazen_remote\ntogether").error == "ShippingError"


def test_prints_appear_where_the_option_says(kernel: Kernel) -> None:
    in_card = kernel.run("%%blazen_remote -p gpu0 --output card\nprint('hello card')")
    assert in_card.stdout == ""
    assert "hello card" in in_card.shown[0]["text/html"]
    in_cell = kernel.run("%%blazen_remote -p gpu0 --output cell" + STEP.format(result="1"))
    assert in_cell.stdout == "a step speaks\n"
    assert "a step speaks" not in in_cell.shown[0]["text/html"]


def test_the_setting_says_where_prints_appear_and_which_peer_is_the_default(kernel: Kernel) -> None:
    kernel.run("%config BlazenMagics.output = 'card'")
    kernel.run("%config BlazenMagics.default_peer = 'gpu0'")
    try:
        assert kernel.run("%%blazen_remote\nprint('by setting')").stdout == ""
    finally:
        kernel.run("%config BlazenMagics.output = 'auto'")
        kernel.run("%config BlazenMagics.default_peer = ''")


def test_step_ids_are_completed_from_the_peer(kernel: Kernel) -> None:
    kernel.run("%%blazen_remote -p gpu0" + STEP.format(result="1"))
    assert "__main__::where" in kernel.complete("%blazen_remote -p gpu0 --steps ")
    assert {"auto", "cell", "card"} <= set(kernel.complete("%%blazen_remote --output "))
