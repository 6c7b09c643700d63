"""What a run printed, folded to its first and last lines; bounded, whatever the run prints."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from blazen_nb.render.words import visible

HEAD_LINES = 100
TAIL_LINES = 100
_LINE_LIMIT = 2_000
_OPEN_LIMIT = 64


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of output and who wrote it."""

    step_id: str
    call: int
    stream: Literal["stdout", "stderr", "log", "cut"]
    """``cut`` marks a place where output was dropped."""
    text: str


@dataclass(slots=True)
class _OpenLine:
    """A line that has no newline yet."""

    step_id: str
    call: int
    stream: Literal["stdout", "stderr", "log"]
    text: str = ""
    restart: bool = False
    """A carriage return came last: the next text takes the line's place."""
    dropped: int = 0

    def add(self, text: str) -> None:
        for part in text.split("\r")[:-1]:
            self._put(part)
            self.restart = True
        self._put(text.rpartition("\r")[2])

    def _put(self, part: str) -> None:
        if not part:
            return
        if self.restart:
            self.text, self.dropped, self.restart = "", 0, False
        room = _LINE_LIMIT - len(self.text)
        self.text += part[:room]
        self.dropped += max(0, len(part) - room)

    def line(self) -> LogLine:
        more = f" ... {self.dropped:,} more characters" if self.dropped else ""
        return LogLine(self.step_id, self.call, self.stream, visible(self.text).rstrip() + more)


@dataclass(slots=True)
class OutputLog:
    """The head and the tail of a run's output, whole lines, in the order in which they ended."""

    head: list[LogLine] = field(default_factory=list)
    tail: deque[LogLine] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))
    total: int = 0
    """Lines written so far, dropped and unfinished ones included."""
    _open: dict[tuple[str, int, str], _OpenLine] = field(default_factory=dict, init=False)
    _let_go: int = field(default=0, init=False)

    def write(
        self, step_id: str, call: int, stream: Literal["stdout", "stderr", "log"], text: str
    ) -> None:
        """The log has the text; a line counts from its first character on."""
        *whole, rest = text.split("\n")
        key = (step_id, call, stream)
        for part in whole:
            line = self._opened(key, step_id, call, stream)
            line.add(part)
            self._close(key)
        if rest:
            self._opened(key, step_id, call, stream).add(rest)

    def cut(self, step_id: str, lines: int, characters: int) -> None:
        """The log marks that output is missing here, and counts it."""
        what = f"{lines:,} lines" if lines > 1 else f"{characters:,} characters"
        self._keep(LogLine(step_id, 1, "cut", f"... {what} dropped here"))
        self.total += lines

    def finish(self, step_id: str | None = None, call: int | None = None) -> None:
        """Unfinished lines of this call (of every call when None) are complete as they are."""
        for key in list(self._open):
            if step_id is None or key[:2] == (step_id, call):
                self._close(key)

    def last(self, count: int) -> list[LogLine]:
        """The newest ``count`` lines, unfinished ones at the end."""
        unfinished = [
            line for line in (entry.line() for entry in self._open.values()) if line.text.strip()
        ]
        recent = [*list(self.tail)[-count:], *unfinished]
        if len(recent) < count:
            recent = [*self.head[-(count - len(recent)) :], *recent]
        return recent[-count:]

    def kept(self) -> list[LogLine]:
        """Every line still held, with a marked gap where the middle was let go."""
        gap = (
            [LogLine("", 1, "cut", f"... {self._let_go:,} lines not kept")] if self._let_go else []
        )
        return [*self.head, *gap, *self.tail, *(entry.line() for entry in self._open.values())]

    def _opened(
        self,
        key: tuple[str, int, str],
        step_id: str,
        call: int,
        stream: Literal["stdout", "stderr", "log"],
    ) -> _OpenLine:
        entry = self._open.get(key)
        if entry is None:
            if len(self._open) == _OPEN_LIMIT:
                self._close(next(iter(self._open)))
            entry = self._open[key] = _OpenLine(step_id, call, stream)
            self.total += 1
        return entry

    def _close(self, key: tuple[str, int, str]) -> None:
        entry = self._open.pop(key)
        self._keep(entry.line())

    def _keep(self, line: LogLine) -> None:
        if len(self.head) < HEAD_LINES:
            self.head.append(line)
            return
        self._let_go += len(self.tail) == TAIL_LINES
        self.tail.append(line)
