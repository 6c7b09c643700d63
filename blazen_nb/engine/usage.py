"""Tokens and money a run spent: the public record and the running sum behind it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from threading import Lock

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
        return TokenUsage(
            **{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(TokenUsage)}
        )


def tokens_of(usage: Usage) -> TokenUsage:
    """The token counts of a usage record."""
    return TokenUsage(**{f.name: getattr(usage, f.name) for f in fields(TokenUsage)})


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
            self._total = Usage(
                **{
                    f.name: getattr(self._total, f.name) + getattr(usage, f.name)
                    for f in fields(Usage)
                }
            )

    @property
    def total(self) -> Usage:
        """What has been added so far."""
        return self._total
