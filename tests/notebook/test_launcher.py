"""``launch()`` and ``%blazen_serve`` in real kernels: the card, the objects that are exposed, and the end."""

from __future__ import annotations

import time
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.manager import start_new_kernel

from blazen_nb.wire import connection_file
from tests.eventually import eventually
from tests.notebook.kernels import Kernel
from tests.unit.render_seen import Seen

LAUNCH = "from blazen_nb import launch\nserver = launch()"
WIDGET = "application/vnd.jupyter.widget-view+json"
SECONDS = 10.0


def test_launch_shows_one_card_also_as_the_last_expression_of_its_cell(
    fresh_kernel: Kernel,
) -> None:
    cell = fresh_kernel.run(f"{LAUNCH}\nserver")
    assert (cell.status, cell.result, len(cell.shown)) == ("ok", {}, 1)
    assert set(cell.shown[0]) == {WIDGET, "text/html", "text/plain"}
    again = fresh_kernel.run("server")
    assert (again.result, len(again.shown)) == ({}, 1)
    assert WIDGET in again.shown[0]


def test_the_card_tells_how_to_connect_and_never_the_token(fresh_kernel: Kernel) -> None:
    shown = fresh_kernel.run(LAUNCH).shown[0]
    (file,) = (f for f in connection_file.live() if f.address in shown["text/plain"])
    assert f"%blazen_connect notebook {file.address}" in shown["text/html"]
    assert "%blazen_connect local" in shown["text/html"]
    assert file.token
    assert file.token not in str(shown)
    assert str(Path.home()) not in str(shown)


def test_a_peer_that_is_closed_in_its_cell_leaves_static_html_and_no_thread(
    fresh_kernel: Kernel,
) -> None:
    fresh_kernel.run("%load_ext blazen_nb\nimport threading")
    before = fresh_kernel.run("sorted(t.name for t in threading.enumerate())").text
    cell = fresh_kernel.run(f"{LAUNCH}\nserver.close()")
    assert set(cell.shown[0]) == {"text/html", "text/plain"}
    assert Seen(cell.shown[0]["text/html"]).text.startswith("Stopped notebook served ")
    assert cell.shown[0]["text/plain"] == "PeerServer(notebook, stopped)"
    eventually(
        lambda: fresh_kernel.run("sorted(t.name for t in threading.enumerate())").text == before,
        message="threads are left",
    )


def test_a_kernel_that_is_shut_down_leaves_its_card_static_and_no_connection_file(
    own_environment: Path,
) -> None:
    quiet = ["--log-level=40"]
    manager, client = start_new_kernel(kernel_name="python3", extra_arguments=quiet)
    try:
        kernel = Kernel(manager, client)
        shown = kernel.run(LAUNCH).shown[0]
        client.shutdown()
        final = last_update(client)
        assert set(final) == {"text/html", "text/plain"}
        assert final["text/plain"] == "PeerServer(notebook, stopped)"
        eventually(lambda: not manager.is_alive())
        files = list(connection_file.runtime_folder().glob("blazen-peer-*.json"))
        assert not [f for f in files if shown["text/plain"].rpartition(":")[2] in f.read_text()]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def last_update(client: Any) -> dict[str, Any]:
    """The bundle that has replaced another since."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            message = client.get_iopub_msg(timeout=0.5)
        except Empty:
            continue
        if message["msg_type"] == "update_display_data":
            return dict(message["content"]["data"])
    raise TimeoutError("no picture was replaced")


def test_static_mode_shows_text_that_is_the_same_each_time(fresh_kernel: Kernel) -> None:
    fresh_kernel.run("%env BLAZEN_NB_STATIC=1")
    cell = fresh_kernel.run(f"{LAUNCH}\nserver")
    assert cell.shown == [{"text/plain": "PeerServer(notebook, serving)"}]
    assert fresh_kernel.run("server").shown == [{"text/plain": "PeerServer(notebook, serving)"}]


def test_two_peers_in_one_kernel_each_have_a_card_and_the_newest_is_local(
    fresh_kernel: Kernel,
) -> None:
    fresh_kernel.run("%load_ext blazen_nb\nfrom blazen_nb import launch")
    cell = fresh_kernel.run("one, two = launch(node_id='one'), launch(node_id='two')")
    assert [shown["text/plain"].partition(",")[0] for shown in cell.shown] == [
        "PeerServer(one",
        "PeerServer(two",
    ]
    assert fresh_kernel.run("%blazen_connect local").stdout == "local: connected to peer two\n"
    fresh_kernel.run("two.close()")
    assert fresh_kernel.run("%blazen_connect local").stdout == "local: connected to peer one\n"


def test_what_launch_exposes_is_the_object_itself(kernel: Kernel, fresh_kernel: Kernel) -> None:
    fresh_kernel.run("from blazen_nb import launch\nmodel = {'seen': 0}\nfrom pathlib import Path")
    fresh_kernel.run("server = launch(expose={'model': model})")
    kernel.run("%blazen_connect host local")
    cell = kernel.run("%%blazen_remote -p host\nmodel['seen'] += 1\nid(model)")
    assert fresh_kernel.run("id(model)").text == cell.text
    assert fresh_kernel.run("model").text == "{'seen': 1}"


def test_serve_exposes_variables_of_the_notebook_and_names_what_is_not_one(
    fresh_kernel: Kernel,
) -> None:
    fresh_kernel.run("%load_ext blazen_nb\nmodel, data = [1], (2, 3)")
    cell = fresh_kernel.run("%blazen_serve --expose model,data")
    assert (cell.status, len(cell.shown)) == ("ok", 1)
    assert "Cells see" in cell.shown[0]["text/html"]
    assert fresh_kernel.run("%%blazen_remote\nmodel.append(sum(data))\nlen(data)").text == "2"
    assert fresh_kernel.run("model").text == "[1, 5]"
    refused = fresh_kernel.run("%blazen_serve --expose modle")
    assert "--expose modle: not defined in this notebook; did you mean 'model'?" in refused.stderr
    assert "without spaces" in fresh_kernel.run("%blazen_serve --expose model, data").stderr
    assert "--expose NAMES" in fresh_kernel.run("%blazen_serve --expose").stderr


def test_serve_again_shows_the_peer_that_is_there(fresh_kernel: Kernel) -> None:
    fresh_kernel.run("%load_ext blazen_nb")
    first = fresh_kernel.run("%blazen_serve").shown[0]["text/plain"]
    assert fresh_kernel.run("%blazen_serve").shown[0]["text/plain"] == first
    assert fresh_kernel.run("%blazen_serve 127.0.0.1:0").shown[0]["text/plain"] != first
