"""What a cell has put out, kept as a front end keeps it: in order, updated in place, cleared when told."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

_COLOUR = re.compile(r"\x1b\[[\d;]*m")


@dataclass(frozen=True)
class CommMessage:
    """What a widget in the kernel has told its picture in the front end."""

    kind: str
    comm_id: str
    data: dict[str, Any]
    sent: datetime

    @property
    def state(self) -> dict[str, Any]:
        """The traits that it is opened with, or that changed."""
        return dict(self.data.get("state", {}))


@dataclass
class Outcome:
    """What a cell has put out, and how it ended."""

    status: str = ""
    stdout: str = ""
    stderr: str = ""
    error: str = ""
    """The name of the exception's type."""
    message: str = ""
    traceback: list[str] = field(default_factory=list)
    """The lines below the cell, without their colours."""
    outputs: list[dict[str, Any]] = field(default_factory=list)
    """As a saved notebook has them; a display that can be updated has its ``display_id``, too."""
    comms: list[CommMessage] = field(default_factory=list)
    seconds: float = 0.0
    _clear_waits: bool = False

    @property
    def shown(self) -> list[dict[str, Any]]:
        """Bundles of displays, each in its latest form."""
        return [each["data"] for each in self.outputs if each["output_type"] == "display_data"]

    @property
    def result(self) -> dict[str, Any]:
        """The bundle of ``Out``; empty where there is none."""
        found = [each["data"] for each in self.outputs if each["output_type"] == "execute_result"]
        return found[-1] if found else {}

    @property
    def text(self) -> str:
        """The result's plain text."""
        return str(self.result.get("text/plain", ""))

    @property
    def beside_the_card(self) -> list[dict[str, Any]]:
        """The outputs without a run's card and without the IDs of displays: what a local cell would have, too."""
        return [
            {key: value for key, value in each.items() if key != "display_id"}
            for each in self.outputs
            if "bzn-card" not in str(each.get("data", {}).get("text/html", ""))
        ]

    def take(self, message: dict[str, Any]) -> None:
        """The message counts."""
        kind, content = message["msg_type"], message["content"]
        if kind == "clear_output":
            self._clear_waits = content["wait"]
            if not content["wait"]:
                self.outputs.clear()
        elif kind in ("comm_open", "comm_msg"):
            sent = message["header"]["date"]
            self.comms.append(CommMessage(kind, content["comm_id"], content["data"], sent))
        elif kind in ("stream", "error", "display_data", "execute_result"):
            if self._clear_waits:
                self._clear_waits = False
                self.outputs.clear()
            getattr(self, f"_take_{kind}")(content)

    def update(self, content: dict[str, Any]) -> None:
        """Displays with this ID show this now; the cell that says so may be another one."""
        for output in self.outputs:
            if output.get("display_id") == content["transient"]["display_id"]:
                output.update(data=content["data"], metadata=content["metadata"])

    def _take_stream(self, content: dict[str, Any]) -> None:
        name, text = content["name"], content["text"]
        setattr(self, name, getattr(self, name) + text)
        if self.outputs and self.outputs[-1].get("name") == name:
            self.outputs[-1]["text"] += text
        else:
            self.outputs.append({"output_type": "stream", "name": name, "text": text})

    def _take_error(self, content: dict[str, Any]) -> None:
        self.error, self.message = content["ename"], content["evalue"]
        self.traceback = _COLOUR.sub("", "\n".join(content["traceback"])).splitlines()
        self.outputs.append({"output_type": "error", "ename": content["ename"]})

    def _take_display_data(self, content: dict[str, Any]) -> None:
        self._take_bundle("display_data", content)
        if display_id := content.get("transient", {}).get("display_id"):
            self.outputs[-1]["display_id"] = display_id
            self.update(content)

    def _take_execute_result(self, content: dict[str, Any]) -> None:
        self._take_bundle("execute_result", content)

    def _take_bundle(self, kind: str, content: dict[str, Any]) -> None:
        self.outputs.append(
            {"output_type": kind, "data": content["data"], "metadata": content["metadata"]}
        )
