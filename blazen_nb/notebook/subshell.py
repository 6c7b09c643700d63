"""Widgets that are heard while their cell blocks; knows nothing of what they are for."""

from __future__ import annotations

from typing import Any


def answer_on_subshell(widget: Any) -> None:
    """Let the widget's messages be handled while the cell blocks.

    ipykernel 7.4 sends them to the shell that published the widget last, the blocked one, whatever the front end
    asked for. Earlier versions, and a later one with that repaired, have no such attribute.
    """
    comm = widget.comm
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda data, default: default


def close_widget(widget: Any) -> None:
    """The widget is gone, with its layout and style: a front end that saves widgets would save these too."""
    for part in (getattr(widget, "style", None), widget.layout, widget):
        if part is not None:
            part.close()


def over(*_: Any) -> None:
    """What a button does once its run has ended: nothing."""
