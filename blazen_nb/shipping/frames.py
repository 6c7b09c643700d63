"""Tracebacks without paths: frames named by cell or package, and the short text a person reads."""

from __future__ import annotations

import linecache
import os
import re
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from types import CodeType, TracebackType
from typing import Literal

from blazen_nb import errors
from blazen_nb.errors import BlazenError, FailureFrame
from blazen_nb.shipping.cell import cell_label, label_of_text, module_label

MOST_LINES = 21
"""Lines of a traceback's text, the headline among them."""
_MOST_FRAMES = 60
_MOST_TAIL_LINES = 9
_OWN_FOLDER = os.path.join(os.path.dirname(os.path.abspath(errors.__file__)), "")
_STDLIB_FOLDERS = tuple(
    os.path.join(folder, "")
    for folder in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    if folder
)
_INSTALLED = re.compile(r".*[/\\](?:site|dist)-packages[/\\]")
_IPYTHON_CELL = re.compile(
    r"(?:.*[/\\])?ipykernel_\d+[/\\]\d+\.py|<ipython-input-(?P<number>\d+)-.*>"
)

Origin = Literal["cell", "user", "library", "own"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame on the way to an exception, as data."""

    label: str
    origin: Origin
    line: int
    function: str
    source: str
    marker: str = ""
    """Spaces and ``^^^`` under the part of the source line that failed, where that is only a part."""

    def as_failure_frame(self) -> FailureFrame:
        """The frame as it crosses the wire."""
        return FailureFrame(
            label=self.label,
            line=self.line,
            function=self.function,
            source=self.source,
            in_cell=self.origin == "cell",
        )

    @property
    def place(self) -> str:
        """``cell [3], line 4, in train``."""
        where = f"{self.label}, line {self.line}"
        return where if self.function in ("", "<module>") else f"{where}, in {self.function}"


def frames_of(error: BaseException) -> list[Frame]:
    """The frames of an exception, outermost first, without those of blazen_nb and what ran it.

    Where nothing else is there, those of blazen_nb stay: then it is its own failure. One of its errors says all by
    itself.
    """
    frames = _walk(error.__traceback__)
    if isinstance(error, SyntaxError) and error.filename:
        frames.append(_syntax_frame(error))
    own_failure = [] if isinstance(error, BlazenError) else frames
    theirs = [frame for frame in frames if frame.origin != "own"] or own_failure
    first = next((i for i, frame in enumerate(theirs) if frame.origin in ("cell", "user")), 0)
    return theirs[first:]


def cut_frames(frames: Sequence[Frame]) -> tuple[FailureFrame, ...]:
    """The frames for the wire: of a long recursion only its beginning and its end."""
    kept = list(frames)
    if len(kept) > _MOST_FRAMES:
        kept = [*kept[: _MOST_FRAMES // 2], *kept[-_MOST_FRAMES // 2 :]]
    return tuple(frame.as_failure_frame() for frame in kept)


def origin_of(file_name: str, module: str | None) -> tuple[str, Origin]:
    """What people call a file, and whose it is; never with the folders of this machine."""
    label = cell_label(file_name)
    if label is not None:
        return label, "cell"
    label = module_label(file_name)
    if label is not None:
        return label, "user"
    in_ipython = _IPYTHON_CELL.fullmatch(file_name)
    if in_ipython:
        number = in_ipython["number"]
        text = "".join(linecache.getlines(file_name))
        return (f"cell [{number}]" if number else label_of_text(text)), "cell"
    if file_name.startswith("<"):
        label = file_name.replace("\\", "/").rpartition("/")[2]
        # What imports stands between a cell and each of the user's modules, and says nothing.
        return label, "own" if label.startswith("<frozen importlib") else "library"
    if file_name.startswith(_OWN_FOLDER):
        return "blazen_nb/" + _slashes(file_name.removeprefix(_OWN_FOLDER)), "own"
    installed = _INSTALLED.match(file_name)
    if installed:
        return _slashes(file_name[installed.end() :]), "library"
    for folder in _STDLIB_FOLDERS:
        if file_name.startswith(folder):
            return _slashes(file_name.removeprefix(folder)), "library"
    base = _slashes(file_name).rpartition("/")[2]
    if module and module != "__main__":
        package = module.rpartition(".")[0].replace(".", "/")
        return (f"{package}/{base}" if package else base), "user"
    return base, "user"


def render_text(frames: Sequence[Frame], tail: Sequence[str]) -> str:
    """The traceback as text of at most ``MOST_LINES`` lines: cells kept, runs of library frames one line each."""
    tail = _shorten(tail, _MOST_TAIL_LINES)
    blocks = _blocks(frames)
    room = MOST_LINES - len(tail) - 1
    for thinner in (_without_markers, _without_library_lines):
        if sum(map(len, blocks)) > room:
            blocks = thinner(blocks)
    blocks = _fit(blocks, room)
    head = ["Traceback (most recent call last):"] if blocks else []
    return "\n".join([*head, *(line for block in blocks for line in block), *tail])


def _walk(traceback: TracebackType | None) -> list[Frame]:
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        module = traceback.tb_frame.f_globals.get("__name__")
        label, origin = origin_of(code.co_filename, module if isinstance(module, str) else None)
        line = traceback.tb_lineno or 0
        source = linecache.getline(code.co_filename, line, traceback.tb_frame.f_globals)
        marker = _marker(code, traceback.tb_lasti, line, source) if origin != "library" else ""
        frames.append(
            Frame(
                label=label,
                origin=origin,
                line=line,
                function=code.co_qualname,
                source=source.strip(),
                marker=marker,
            )
        )
        traceback = traceback.tb_next
    return frames


def _marker(code: CodeType, instruction: int, line: int, source: str) -> str:
    positions = list(code.co_positions())
    if instruction < 0 or instruction // 2 >= len(positions):
        return ""
    first, last, start, end = positions[instruction // 2]
    if first != line or last != line or start is None or end is None:
        return ""
    raw = source.encode("utf-8", "replace")  # columns count bytes
    start, end = (
        len(raw[:start].decode("utf-8", "replace")),
        len(raw[:end].decode("utf-8", "replace")),
    )
    indent = len(source) - len(source.lstrip())
    if source[start:end].strip() == source.strip():
        return ""
    return " " * (start - indent) + "^" * (end - start)


def _syntax_frame(error: SyntaxError) -> Frame:
    label, origin = origin_of(str(error.filename), None)
    if label.startswith("cell"):
        origin = "cell"
    text = error.text or ""
    column = (error.offset or 0) - 1 - (len(text) - len(text.lstrip()))
    return Frame(
        label=label,
        origin="user" if origin == "own" else origin,
        line=error.lineno or 0,
        function="",
        source=text.strip(),
        marker=" " * column + "^" if column >= 0 and text.strip() else "",
    )


def _slashes(path: str) -> str:
    return path.replace("\\", "/")


def _shorten(tail: Sequence[str], most: int) -> list[str]:
    lines = [line[:400] for text in tail for line in text.splitlines()]
    return (
        lines
        if len(lines) <= most
        else [*lines[: most - 1], f"  ... {len(lines) - most + 1} more lines"]
    )


_Block = list[str]


def _blocks(frames: Sequence[Frame]) -> list[_Block]:
    blocks: list[_Block] = []
    index = 0
    while index < len(frames):
        frame = frames[index]
        end = index + 1
        if frame.origin in ("library", "own"):
            while end < len(frames) and frames[end].origin in ("library", "own"):
                end += 1
            blocks += _library_run(frames[index:end], is_last=end == len(frames))
        else:
            while end < len(frames) and frames[end].place == frame.place:
                end += 1
            blocks.append(_shown(frame))
            if end - index > 1:
                blocks.append([f"    [repeated {end - index - 1:,} more times]"])
        index = end
    return blocks


def _library_run(frames: Sequence[Frame], *, is_last: bool) -> list[_Block]:
    hidden = frames[:-1] if is_last else frames
    blocks = []
    if hidden:
        count = "1 frame" if len(hidden) == 1 else f"{len(hidden):,} frames"
        blocks.append([f"  ... {count} in {_common_place([frame.label for frame in hidden])}"])
    return [*blocks, _shown(frames[-1])] if is_last else blocks


def _shown(frame: Frame) -> _Block:
    lines = [f"  {frame.place}"]
    if frame.source:
        lines.append(f"    {frame.source[:160]}")
        if frame.marker and len(frame.marker) <= 160:
            lines.append(f"    {frame.marker}")
    return lines


def _common_place(labels: Sequence[str]) -> str:
    if len(set(labels)) == 1:
        return labels[0]
    folders = [label.split("/")[:-1] for label in labels]
    common = []
    for parts in zip(*folders, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    if common:
        return "/".join(common)
    roots = list(dict.fromkeys(label.split("/")[0].removesuffix(".py") for label in labels))
    return ", ".join(roots[:3]) + (", ..." if len(roots) > 3 else "")


def _without_markers(blocks: list[_Block]) -> list[_Block]:
    return [*(block[:2] for block in blocks[:-1]), *blocks[-1:]]


def _without_library_lines(blocks: list[_Block]) -> list[_Block]:
    return [block if block[0].startswith("  cell") else block[:1] for block in blocks]


def _fit(blocks: list[_Block], room: int) -> list[_Block]:
    """The blocks, with a gap in their middle where they are more lines than there is room."""
    if sum(map(len, blocks)) <= room:
        return blocks
    head: list[_Block] = []
    tail: list[_Block] = []
    left, right, used = 0, len(blocks), 1
    while left < right:
        take_tail = len(tail) <= len(head)
        block = blocks[right - 1] if take_tail else blocks[left]
        if used + len(block) > room:
            break
        used += len(block)
        if take_tail:
            right -= 1
            tail.insert(0, block)
        else:
            left += 1
            head.append(block)
    hidden = sum(1 for block in blocks[left:right])
    return [*head, [f"  ... {hidden:,} more"], *tail]
