"""Values that stay on the peer, as a notebook sees them."""

from __future__ import annotations

from tests.notebook.conftest import PeerProcess
from tests.notebook.kernels import Kernel


def test_a_large_variable_comes_as_a_ref_that_says_what_it_is(kernel: Kernel) -> None:
    cell = kernel.run("%%blazen_remote -o big,small\nbig = 'x' * (2 << 20)\nsmall = 'x'")
    assert (cell.status, cell.text) == ("ok", "")
    assert kernel.run("small").text == "'x'"
    assert kernel.run("big").text == (
        "RemoteRef(str, 2.0 MiB, on gpu0; stays there, remote cells that read it use it in place, "
        "fetch() brings a copy here)"
    )
    assert kernel.run("big.fetch() == 'x' * (2 << 20)").text == "True"


def test_a_later_cell_gets_the_live_object_under_any_name(kernel: Kernel) -> None:
    kernel.run("%%blazen_remote -o lock\nimport threading\nlock = threading.Lock()")
    kernel.run("mine = lock\npair = {'locks': [lock, lock]}")
    cell = kernel.run(
        "%%blazen_remote\n[mine is lock, pair['locks'][0] is lock, type(mine).__name__]"
    )
    assert cell.text == "[True, True, 'lock']"


def test_a_function_that_reads_a_ref_uses_the_object_on_the_peer(kernel: Kernel) -> None:
    kernel.run("%%blazen_remote --ref -o table\ntable = {'rows': 7}")
    assert kernel.run("type(table).__name__").text == "'RemoteRef'"
    kernel.run("held = table\ndef rows():\n    return held['rows']")
    assert kernel.run("%%blazen_remote\nrows()").text == "7"


def test_a_last_value_that_cannot_travel_shows_and_is_a_ref_in_underscore(kernel: Kernel) -> None:
    cell = kernel.run("%%blazen_remote\nimport threading\nthreading.Lock()")
    assert cell.text.startswith("<unlocked _thread.lock")
    assert kernel.run("_").text.startswith("RemoteRef(_thread.lock, on gpu0;")


def test_a_ref_to_another_peers_value_names_both(kernel: Kernel, gpu0: PeerProcess) -> None:
    kernel.run("%%blazen_remote --ref -o there\nthere = [1]")
    kernel.run("%blazen_serve")
    kernel.run("elsewhere = there")
    cell = kernel.run("%%blazen_remote -p local\nelsewhere")
    assert cell.error == "ShippingError"
    assert "  elsewhere: the list behind a RemoteRef belongs to peer gpu0" in "\n".join(
        cell.traceback
    )
    assert kernel.run("%%blazen_remote -p gpu0\nelsewhere").text == "[1]"


def test_a_variable_that_is_bound_anew_lets_the_peer_drop_the_value(kernel: Kernel) -> None:
    kernel.run(
        "%%blazen_remote -o watched\n"
        "import threading, weakref\n"
        "class Watched:\n"
        "    def __init__(self): self.lock = threading.Lock()\n"
        "watched = Watched()\n"
        "seen = weakref.ref(watched)"
    )
    kernel.run("%%blazen_remote\ndel watched")
    assert kernel.run("%%blazen_remote\nseen() is not None").text == "True"
    kernel.run("watched = None")
    assert kernel.run("%%blazen_remote\nimport gc\ngc.collect()\nseen() is None").text == "True"


def test_a_peer_in_this_kernel_hands_the_objects_over_themselves(kernel: Kernel) -> None:
    kernel.run("%blazen_serve")
    kernel.run("%%blazen_remote -p local --ref -o table\ntable = {'rows': 7}")
    assert kernel.run("table.fetch() is table.fetch()").text == "True"
    kernel.run("table.fetch()['rows'] = 8")
    assert kernel.run("%%blazen_remote -p local\ntable['rows']").text == "8"


def test_what_is_pushed_to_a_peer_in_this_kernel_is_of_the_class_that_the_cell_knows(
    kernel: Kernel,
) -> None:
    kernel.run("%blazen_serve")
    kernel.run(
        "class Samples:\n    def __init__(self): self.data = bytes(2 << 20)\nsamples = Samples()"
    )
    cell = kernel.run(
        "%%blazen_remote -p local --push samples\n[isinstance(samples, Samples), len(samples.data)]"
    )
    assert cell.text == "[True, 2097152]"


def test_transfer_copies_what_another_peer_has_and_later_cells_use_the_copy(
    kernel: Kernel, gpu0: PeerProcess, gpu1: PeerProcess
) -> None:
    kernel.run(f"%blazen_connect gpu1 {gpu1.address}")
    kernel.run("%%blazen_remote -p gpu0 --ref -o words\nwords = ['a'] * 1000")
    kernel.run("held = words\npair = {'one': words, 'two': [words]}")
    refused = kernel.run("%%blazen_remote -p gpu1\nlen(held)")
    assert refused.error == "ShippingError"
    assert "add --transfer" in "\n".join(refused.traceback)
    kernel.run("def count():\n    return len(held)")
    cell = kernel.run(
        "%%blazen_remote -p gpu1 --transfer\nheld.append('b')\n[count(), pair['one'] is pair['two'][0]]"
    )
    assert cell.text == "[1001, True]"
    assert kernel.run("%%blazen_remote -p gpu1\nheld.append('c')\ncount()").text == "1002"
    assert kernel.run("%%blazen_remote -p gpu0\nlen(held)").text == "1000"
    assert kernel.run("%%blazen_remote -p gpu1 --transfer\nlen(held)").text == "1000"
    again = kernel.run("%%blazen_remote -p gpu1\npair")
    assert again.error == "ShippingError"
    assert kernel.run("held.is_released, held.owner").text == "(False, 'gpu0')"


def test_transfer_leaves_no_refs_and_the_card_says_what_was_copied(
    kernel: Kernel, gpu0: PeerProcess, gpu1: PeerProcess
) -> None:
    kernel.run(f"%blazen_connect gpu1 {gpu1.address} -o there")
    kernel.run("%%blazen_remote -p gpu0 --ref -o rows\nrows = [1, 2, 3]")
    kernel.run("mine = rows")
    cell = kernel.run("%%blazen_remote -p gpu1 --transfer\nimport time\ntime.sleep(0.3)\nsum(mine)")
    assert cell.text == "6"
    assert any("copied mine from gpu0" in shown.get("text/html", "") for shown in cell.shown)
    assert kernel.run("len(there.refs())").text == "0"
    failed = kernel.run("%%blazen_remote -p gpu1 --transfer\nmine.nothing")
    assert failed.error
    assert kernel.run("len(there.refs())").text == "0"


def test_an_input_and_a_cell_on_both_peers_are_transferred_where_it_must_be(
    kernel: Kernel, gpu0: PeerProcess, gpu1: PeerProcess
) -> None:
    kernel.run(f"%blazen_connect gpu1 {gpu1.address}")
    kernel.run("%%blazen_remote -p gpu0 --ref -o rows\nrows = [4, 5]")
    kernel.run("both = rows")
    cell = kernel.run("%%blazen_remote -p gpu0,gpu1 --transfer\nsum(both)")
    assert cell.text == "{'gpu0': 9, 'gpu1': 9}"
    workflow = (
        "from blazen_nb import step, StartEvent, StopEvent\n@step\ndef s(ev: StartEvent) -> StopEvent:\n"
        "    return StopEvent(result=sum(ev.rows))"
    )
    line = "%%blazen_remote -p gpu1 --transfer -o run --input {'rows': both}\n"
    assert kernel.run(line + workflow).status == "ok"
    assert kernel.run("run.result").text == "9"
    steps = "%blazen_remote -p gpu1 --transfer -o again --input {'rows': both} --steps __main__::s"
    assert kernel.run(steps).status == "ok"
    assert kernel.run("again.result").text == "9"
    refused = kernel.run(steps.replace("--transfer ", ""))
    assert refused.error == "SessionRefError"


def test_a_peer_tells_notebooks_apart_by_name_and_knows_no_path(
    fresh_kernel: Kernel, gpu0: PeerProcess
) -> None:
    fresh_kernel.run(
        "import os\nos.environ['JPY_SESSION_NAME'] = '/folder/of/somebody/tr\u00e4in.ipynb'"
    )
    fresh_kernel.run("%load_ext blazen_nb")
    fresh_kernel.run(f"%blazen_connect gpu0 {gpu0.address} -o client\nkept = client.put(b'x')")
    cell = fresh_kernel.run("[each.holder for each in client.memory().holdings]")
    assert "'tr\u00e4in.ipynb'" in cell.text
    assert "somebody" not in gpu0.said()
