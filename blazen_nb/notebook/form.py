"""The form in which a person answers a run's question while its cell waits; starts and ends no run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

from blazen_nb.errors import BlazenError
from blazen_nb.notebook.subshell import answer_on_subshell, close_widget, over
from blazen_nb.updates import InputRequested


class InputForm:
    """A line to type in, or a choice, and a button; not there while nothing is asked.

    The cell's thread calls ``ask`` and ``take_answered``; the button's callback comes on a kernel subshell.

    Args:
        answer: Sends the answer to the question of this ID; raises BlazenError where it is no longer asked.
    """

    def __init__(self, answer: Callable[[str, Any], None]) -> None:
        import ipywidgets

        self._make = ipywidgets
        self._answer = answer
        self._waiting: list[InputRequested] = []
        self._answered: SimpleQueue[str] = SimpleQueue()
        self.box = ipywidgets.HBox(layout={"display": "none"})
        self.box.add_class("bzn-s")

    def ask(self, question: InputRequested) -> None:
        """The question can be answered, after those before it."""
        self._waiting.append(question)
        if len(self._waiting) == 1:
            self._show()

    def take_answered(self) -> list[str]:
        """The IDs of the questions answered since the last call; the next one shows."""
        answered: list[str] = []
        while not self._answered.empty():  # nobody else takes any out
            answered.append(self._answered.get_nowait())
        if answered:
            self._waiting = [each for each in self._waiting if each.request_id not in answered]
            self._show()
        return answered

    def close(self) -> None:
        """Nothing of it is left."""
        self._waiting.clear()
        self._clear()
        close_widget(self.box)
        self._answer = over  # as the widgets do, its callbacks make a cycle

    def _show(self) -> None:
        self._clear()
        if not self._waiting:
            self.box.layout.display = "none"
            return
        question = self._waiting[0]
        field = self._field(question)
        button = self._make.Button(description="Send", tooltip="Answer the run's question")

        def send(*_: Any) -> None:
            button.disabled = True
            with suppress(BlazenError):  # somebody else has answered, or the run has ended
                self._answer(question.request_id, field.value)
            self._answered.put(question.request_id)

        button.on_click(send)
        field.on_msg(lambda _, content, __: send() if content.get("event") == "submit" else None)
        for widget in (field, button):
            answer_on_subshell(widget)
        self.box.children = (field, button)
        self.box.layout.display = ""

    def _field(self, question: InputRequested) -> Any:
        choices = question.metadata.get("choices") if isinstance(question.metadata, dict) else None
        if choices:
            return self._make.Dropdown(options=choices)
        return self._make.Text(placeholder="Your answer")

    def _clear(self) -> None:
        children, self.box.children = self.box.children, ()
        for widget in children:
            close_widget(widget)
