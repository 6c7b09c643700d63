"""Tokens and money a run spent: the public record and the running sum behind it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from threading import Lock
from typing import TypeVar

from blazen_nb.updates import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsage:
    """Token counts of a run, added up over its steps and sub-workflows."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    reasoning_tokens: int = 0
    cached_input_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0

    @staticmethod
    def zero() -> TokenUsage:
        """All counts 0."""
        return TokenUsage()

    def add(self, other: TokenUsage) -> TokenUsage:
        """The field-wise sum, as a new record."""
        return _sum(self, other)


def tokens_of(usage: Usage) -> TokenUsage:
    """The token counts of a usage record."""
    return TokenUsage(**{f.name: getattr(usage, f.name) for f in fields(TokenUsage)})


def _sum(one: Counts, other: Counts) -> Counts:
    return type(one)(**{f.name: getattr(one, f.name) + getattr(other, f.name) for f in fields(one)})


Counts = TypeVar("Counts", TokenUsage, Usage)
ZERO = Usage()


class UsageMeter:
    """The running sum of one run; any thread may add."""

    __slots__ = ("_lock", "_total")

    def __init__(self) -> None:
        self._lock = Lock()
        self._total = ZERO

    def add(self, usage: Usage) -> None:
        """Add this to the total."""
        with self._lock:
            self._total = _sum(self._total, usage)

    @property
    def total(self) -> Usage:
        """What has been added so far."""
        return self._total
