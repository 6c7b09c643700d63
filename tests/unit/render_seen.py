"""HTML as a reader gets it: its elements, attributes and words, read by a parser."""

from __future__ import annotations

import re
from html.parser import HTMLParser

HOSTILE = "</pre></style><script>alert('x')</script><img src=x onerror=alert(1)>\"'&"
"""A name that would run a script wherever it is not escaped."""

VOID = {"br", "col", "hr", "img"}
BLOCKS = {"div", "p", "th", "td", "tr", "dt", "dd", "summary", "details", "pre"}


class Seen(HTMLParser):
    """The elements, attributes and text of a piece of HTML; fails where tags do not match."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == [], f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag
        if tag in BLOCKS:
            self.words.append(" ")

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words)).strip()
