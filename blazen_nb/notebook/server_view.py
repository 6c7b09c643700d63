"""The card of a peer that runs in this kernel: live widgets while it serves, static HTML and text once it has stopped.

The cell's own thread opens it. A thread of its own keeps it up to date and only sets traits of widgets; whichever
thread ends the server also makes the last picture. The Stop button's callback comes on a kernel subshell.
"""

from __future__ import annotations

import threading
import uuid
from typing import Any

from blazen_nb.notebook.front_end import publish, shows_widgets
from blazen_nb.notebook.subshell import answer_on_subshell, close_widget
from blazen_nb.peer.server import PeerServer
from blazen_nb.render.server import launched_card, live_server_parts, peer_server_repr
from blazen_nb.render.static import is_static
from blazen_nb.render.style import style_tag

UPDATE_SECONDS = 1.0
"""The shortest time between two pictures."""


def show_server(shell: Any, server: PeerServer) -> None:
    """The server's card is an output of the running cell; live where the front end has widgets."""
    if is_static():
        publish({"text/plain": peer_server_repr(server.describe())[1]})
    elif shows_widgets(shell):
        ServerCard(server).open()
    else:
        publish(_picture(server))


class ServerCard:
    """The live card, made of core widgets only."""

    def __init__(self, server: PeerServer) -> None:
        self.box: Any = None
        """The widget, once it is open."""
        self._server = server
        self._display_id = uuid.uuid4().hex
        self._parts: dict[str, Any] = {}
        self._button: Any = None
        self._lock = threading.Lock()
        """Held while widgets change: none does after it was closed."""
        self._changed = threading.Event()
        self._is_over = threading.Event()
        self._has_runs = False

    def open(self) -> None:
        """It is an output of the running cell, and follows the server until that ends."""
        import ipywidgets

        self._parts = {name: ipywidgets.HTML(html) for name, html in self._html().items()}
        self._button = ipywidgets.Button(description="Stop", tooltip="Stop this peer and its runs")
        self._button.add_class("bzn-btn")
        self._button.on_click(self._stop)
        answer_on_subshell(self._button)
        style = ipywidgets.HTML(style_tag())
        self.box = ipywidgets.VBox([style, *self._parts.values(), self._button])
        self.box.add_class("bzn").add_class("bzn-card")
        view = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        widget = {"application/vnd.jupyter.widget-view+json": view}
        publish({**widget, **_picture(self._server)}, display_id=self._display_id)
        self._server.watch(self._note)
        threading.Thread(target=self._follow, name="blazen-card", daemon=True).start()
        self._note()  # it may have ended before anyone watched

    def _note(self) -> None:
        """The server has changed, on whichever thread; its end makes the last picture before that thread goes on."""
        if self._server.has_ended:
            self._close()
        if (
            not self._changed.is_set()
        ):  # a thousand runs a second are told, and one picture is made of them
            self._changed.set()

    def _follow(self) -> None:
        while not self._is_over.wait(UPDATE_SECONDS):
            if not self._has_runs:
                self._changed.wait()  # without runs nothing moves, not even a clock
            self._changed.clear()
            self._refresh()

    def _refresh(self) -> None:
        with self._lock:
            if self._is_over.is_set():
                return
            for name, html in self._html().items():
                if self._parts[name].value != html:
                    self._parts[name].value = html

    def _html(self) -> dict[str, str]:
        seen = self._server.describe()
        self._has_runs = bool(seen.runs)
        return live_server_parts(seen, stopping=self._button is not None and self._button.disabled)

    def _stop(self, _: Any) -> None:
        self._button.disabled = True
        self._button.description = "Stopping"
        self._refresh()
        self._server.stop()

    def _close(self) -> None:
        with self._lock:
            if self._is_over.is_set():
                return
            self._is_over.set()
            publish(_picture(self._server), display_id=self._display_id, update=True)
            for widget in (*self.box.children, self.box):
                close_widget(widget)


def _picture(server: PeerServer) -> dict[str, Any]:
    return {"text/html": launched_card(server.describe()), "text/plain": repr(server)}
