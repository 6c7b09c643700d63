"""The picture of a run in its cell: live widgets while it goes on, static HTML and text for good; starts no run.

Only the cell's own thread calls these. The Cancel button's callback comes on another one, a kernel subshell, while
the cell blocks: it calls the run's ``cancel`` and touches nothing here.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any, Protocol

from blazen_nb.notebook.form import InputForm
from blazen_nb.notebook.front_end import is_static, publish, shows_widgets
from blazen_nb.notebook.subshell import answer_on_subshell, close_widget, over
from blazen_nb.render.card import live_parts, static_card
from blazen_nb.render.run_state import RunState
from blazen_nb.render.style import style_tag
from blazen_nb.render.text import stable_text, terminal_text
from blazen_nb.updates import InputRequested

UPDATE_SECONDS = 0.1
"""The shortest time between two pictures: more than ten a second nobody sees."""
_IDLE_SECONDS = 0.25
"""The time between two pictures in which only the clock moved."""


class View(Protocol):
    """What shows a run in its cell."""

    prints_in_card: bool
    """Whether what the steps of a workflow print shows in the card."""

    def open(self) -> None:
        """The run is about to start."""

    def refresh(self, *, changed: bool = True) -> None:
        """The run went on, or, where nothing changed, only the clock did."""

    def asked(self, question: InputRequested) -> None:
        """The run waits for a person's answer."""

    def cleared(self) -> None:
        """The cell's outputs were cleared."""

    def close(self) -> None:
        """The run has ended, or this cell no longer waits for it: the picture is final."""


def make_view(
    shell: Any,
    state: RunState,
    *,
    cancel: Callable[[], None],
    answer: Callable[[str, Any], None],
    quiet: bool,
) -> View:
    """The view that suits the front end of this shell."""
    if quiet:
        return NoView(state, answer)
    return RunView(state, cancel, answer) if shows_widgets(shell) else StaticView(state, answer)


class NoView:
    """Shows nothing; what the run prints and displays appears in the cell all the same, and so do its questions."""

    prints_in_card = False

    def __init__(self, state: RunState, answer: Callable[[str, Any], None]) -> None:
        self._state = state
        self._answer = answer

    def open(self) -> None:
        """See View."""

    def refresh(self, *, changed: bool = True) -> None:
        """See View."""

    def asked(self, question: InputRequested) -> None:
        """See View."""
        response = input(f"{question.prompt} ")
        self._state.questions.pop(question.request_id, None)
        self._answer(question.request_id, response)

    def cleared(self) -> None:
        """See View."""

    def close(self) -> None:
        """See View."""


class StaticView(NoView):
    """One output at the end, for front ends without widgets and for outputs that are compared."""

    def close(self) -> None:
        """See View."""
        if is_static():
            publish({"text/plain": stable_text(self._state)})
            return
        html, text = final_card(self._state, output=False), terminal_text(self._state)
        publish({"text/html": html, "text/plain": text})


class RunView:
    """The live card, made of core widgets only; at the end static HTML without script takes its place.

    Args:
        cancel: Thread-safe; returns at once.
        answer: Sends the answer to the question of this ID; thread-safe.
    """

    prints_in_card = True

    def __init__(
        self, state: RunState, cancel: Callable[[], None], answer: Callable[[str, Any], None]
    ) -> None:
        self._state = state
        self._cancel = cancel
        self._answer = answer
        self._display_id = uuid.uuid4().hex
        self._parts: dict[str, Any] = {}
        self._box: Any = None
        self._form: Any = None
        self._is_shown = False
        self._began: float | None = None
        self._shown_at = 0.0
        self._is_behind = False

    def open(self) -> None:
        """See View."""
        import ipywidgets

        parts = live_parts(self._state, 0.0)
        self._parts = {name: ipywidgets.HTML(html) for name, html in parts.items()}
        button = ipywidgets.Button(description="Cancel", tooltip="Cancel the run on the peer")
        button.add_class("bzn-btn")
        button.on_click(lambda _: self._cancel())
        answer_on_subshell(button)
        style = ipywidgets.HTML(style_tag())
        self._form = InputForm(self._answer)
        head, *rest = self._parts.values()
        self._box = ipywidgets.VBox([style, head, self._form.box, *rest, button])
        self._box.add_class("bzn").add_class("bzn-card")
        self._show()

    def refresh(self, *, changed: bool = True) -> None:
        """See View."""
        if not self._is_shown:
            return  # an interrupt came while the card was being made
        for request_id in self._form.take_answered():
            self._state.questions.pop(request_id, None)
        now = time.monotonic()
        if self._began is None and self._state.started_at is not None:
            self._began = now
        self._is_behind |= (
            changed  # a change that came too soon after a picture waits for the next one only
        )
        if now - self._shown_at < (UPDATE_SECONDS if self._is_behind else _IDLE_SECONDS):
            return
        self._shown_at, self._is_behind = now, False
        elapsed = 0.0 if self._began is None else now - self._began
        for name, html in live_parts(self._state, elapsed).items():
            if self._parts[name].value != html:
                self._parts[name].value = html

    def asked(self, question: InputRequested) -> None:
        """See View."""
        if self._is_shown:
            self._form.ask(question)

    def cleared(self) -> None:
        """See View."""
        self._show()

    def close(self) -> None:
        """See View."""
        publish(self._final(), display_id=self._display_id, update=self._is_shown)
        if self._box is None:
            return
        self._form.close()
        for widget in (*self._box.children, self._box):
            if widget is not self._form.box:
                close_widget(widget)
        self._box = None
        # Widgets are cycles: they would hold the run's result until the next collection.
        self._answer = self._cancel = over

    def _show(self) -> None:
        view = {"version_major": 2, "version_minor": 0, "model_id": self._box.model_id}
        widget = {"application/vnd.jupyter.widget-view+json": view}
        publish({**widget, **self._final()}, display_id=self._display_id)
        self._is_shown = True

    def _final(self) -> dict[str, Any]:
        html, text = final_card(self._state), terminal_text(self._state)
        return {"text/html": html, "text/plain": text}


def final_card(state: RunState, *, output: bool | None = None) -> str:
    """The card that stays; the lines that failed are left to the cell's own error output."""
    return static_card(state, excerpt=False, output=output)
