"""The picture of a run in its cell: live widgets while it goes on, static HTML and text for good; starts no run.

Only one thread calls these: the cell's own, or, for a run that its cell left alone, the one that follows it. The
Cancel button's callback comes on another one, a kernel subshell, while the cell blocks: it calls ``cancel`` and
touches nothing here.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Protocol

from blazen_nb.engine.asking import typed_answer
from blazen_nb.engine.schema import shown_schema
from blazen_nb.errors import ValidationError
from blazen_nb.notebook.form import InputForm
from blazen_nb.notebook.front_end import publish, shows_widgets
from blazen_nb.notebook.pictures import Picture
from blazen_nb.notebook.subshell import answer_on_subshell, close_widget, over
from blazen_nb.render.run_state import RunState
from blazen_nb.render.static import is_static
from blazen_nb.render.style import style_tag
from blazen_nb.updates import InputRequested

UPDATE_SECONDS = 0.1
"""The shortest time between two pictures: more than ten a second nobody sees."""
_IDLE_SECONDS = 0.25
"""The time between two pictures in which only the clock moved."""
_LIVE_AFTER_SECONDS = 0.1
"""A run that ends sooner gets no widgets: making and closing them takes longer than most short cells."""

Answer = Callable[[str, Any], None]
"""Sends the answer to the question of this ID; thread-safe."""


class View(Protocol):
    """What shows runs in a cell."""

    shows_output: bool
    """Whether there is a card in which printed lines can show."""

    def open(self) -> None:
        """The run is about to start, or one more of them."""

    def refresh(self, *, changed: bool = True) -> None:
        """A run went on, or, where nothing changed, only the clock did."""

    def asked(self, state: RunState, question: InputRequested) -> None:
        """This run waits for a person's answer."""

    def cleared(self) -> None:
        """The cell's outputs were cleared."""

    def close(self) -> None:
        """All runs have ended, or nobody here waits for them any more: the picture is final."""


def make_view(
    shell: Any,
    picture: Picture,
    runs: Sequence[tuple[RunState, Answer]],
    *,
    cancel: Callable[[], None],
    quiet: bool,
) -> View:
    """The view that suits the front end of this shell.

    Args:
        runs: The runs that the picture shows, with the way to answer each one's questions.
        cancel: What the card's button does.
    """
    if quiet:
        return NoView(runs)
    if shows_widgets(shell):
        return LiveView(picture, runs, cancel)
    return StaticView(picture, runs)


class NoView:
    """Shows nothing; what the run prints and displays appears in the cell all the same, and so do its questions."""

    shows_output = False

    def __init__(self, runs: Sequence[tuple[RunState, Answer]]) -> None:
        self._answers = {id(state): answer for state, answer in runs}

    def open(self) -> None:
        """See View."""

    def refresh(self, *, changed: bool = True) -> None:
        """See View."""

    def asked(self, state: RunState, question: InputRequested) -> None:
        """See View."""
        response = typed_answer(question.prompt, shown_schema(question.metadata))
        # Somebody else may have answered meanwhile, or the run has ended.
        with suppress(ValidationError):
            self._answers[id(state)](question.request_id, response)

    def cleared(self) -> None:
        """See View."""

    def close(self) -> None:
        """See View."""


class StaticView(NoView):
    """One output at the end, for front ends without widgets and for outputs that are compared."""

    def __init__(self, picture: Picture, runs: Sequence[tuple[RunState, Answer]]) -> None:
        super().__init__(runs)
        self._picture = picture

    def close(self) -> None:
        """See View."""
        publish(self._picture.stable() if is_static() else self._picture.final())


class LiveView:
    """The live card, made of core widgets only; before it and in the end static HTML without script is in its place.

    Args:
        cancel: Thread-safe; returns at once.
    """

    shows_output = True
    _has_been_live: ClassVar[bool] = False

    def __init__(
        self,
        picture: Picture,
        runs: Sequence[tuple[RunState, Answer]],
        cancel: Callable[[], None],
    ) -> None:
        self._picture = picture
        self._runs = runs
        self._cancel = cancel
        self._display_id = uuid.uuid4().hex
        self._parts: dict[str, Any] = {}
        self._box: Any = None
        self._forms: list[InputForm] = []
        self._is_shown = False
        self._opened_at = self._shown_at = 0.0
        self._is_behind = False

    def open(self) -> None:
        """See View."""
        if self._is_shown:
            return
        self._opened_at = time.monotonic()
        self._show()
        if not LiveView._has_been_live:
            # The first widgets of a kernel have the front end make the subshell on which it is heard while a cell
            # blocks. That takes a moment, and must not be the moment in which somebody types an answer.
            self.go_live()

    def go_live(self) -> None:
        """Widgets take the place of the HTML; on the cell's own thread, where the run will be followed by another."""
        import ipywidgets

        LiveView._has_been_live = True
        parts = self._picture.parts()
        self._parts = {name: ipywidgets.HTML(html) for name, html in parts.items()}
        button = ipywidgets.Button(description="Cancel", tooltip="Cancel the run on the peer")
        button.add_class("bzn-btn")
        button.on_click(lambda _: self._cancel())
        answer_on_subshell(button)
        style = ipywidgets.HTML(style_tag())
        self._forms = [InputForm(answer) for _, answer in self._runs]
        head, *rest = self._parts.values()
        forms = [form.box for form in self._forms]
        self._box = ipywidgets.VBox([style, head, *forms, *rest, button])
        self._box.add_class("bzn").add_class("bzn-card").add_class("bzn-of-run")
        self._show()
        self._shown_at = time.monotonic()

    def refresh(self, *, changed: bool = True) -> None:
        """See View."""
        if not self._is_shown:
            return  # an interrupt came while the card was being made
        now = time.monotonic()
        if self._box is None:
            if now - self._opened_at >= _LIVE_AFTER_SECONDS:
                self.go_live()
            return
        for (state, _), form in zip(self._runs, self._forms, strict=True):
            form.keep_only(state.questions)
        self._is_behind |= (
            changed  # a change that came too soon after a picture waits for the next one only
        )
        if now - self._shown_at < (UPDATE_SECONDS if self._is_behind else _IDLE_SECONDS):
            return
        self._shown_at, self._is_behind = now, False
        for name, html in self._picture.parts().items():
            if self._parts[name].value != html:
                self._parts[name].value = html

    def asked(self, state: RunState, question: InputRequested) -> None:
        """See View."""
        if not self._is_shown:
            return
        if self._box is None:
            self.go_live()
        for (known, _), form in zip(self._runs, self._forms, strict=True):
            if known is state:
                form.ask(question)

    def cleared(self) -> None:
        """See View."""
        self._is_shown = False
        self._show()

    def close(self) -> None:
        """See View."""
        publish(self._picture.final(), display_id=self._display_id, update=self._is_shown)
        if self._box is None:
            return
        boxes = [form.box for form in self._forms]
        for form in self._forms:
            form.close()
        for widget in (*self._box.children, self._box):
            if widget not in boxes:
                close_widget(widget)
        self._box = None
        # Widgets are cycles: they would hold the run's result until the next collection.
        self._runs, self._cancel = (), over

    def _show(self) -> None:
        """The card is an output of the cell; the widgets, once they are there, take the place of the HTML in it."""
        bundle = self._picture.final()
        if self._box is not None:
            view = {"version_major": 2, "version_minor": 0, "model_id": self._box.model_id}
            bundle = {"application/vnd.jupyter.widget-view+json": view, **bundle}
        publish(bundle, display_id=self._display_id, update=self._is_shown)
        self._is_shown = True
