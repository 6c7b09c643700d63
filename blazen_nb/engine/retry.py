"""When a failed attempt is tried again; pure, the runner supplies the random number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryConfig:
    """How often and how soon a failed step is tried again.

    The delay before retry n is ``initial_delay_ms * 2 ** (n - 1)``, at most ``max_delay_ms``; with ``jitter`` it is
    scaled by a random factor between one half and one, so that many failures do not come back together.
    """

    max_retries: int = 3
    initial_delay_ms: int = 1000
    max_delay_ms: int = 30_000
    honor_retry_after: bool = True
    """Where the exception has a numeric ``retry_after`` attribute (seconds), wait at least that long."""
    jitter: bool = True

    def delay(self, failed_attempts: int, random: float, error: BaseException | None) -> float:
        """Seconds to wait after this many failed attempts; ``random`` is in [0, 1)."""
        seconds = (
            min(self.initial_delay_ms * 2.0 ** min(failed_attempts - 1, 64), self.max_delay_ms)
            / 1000
        )
        if self.jitter:
            seconds *= 0.5 + random / 2
        asked = getattr(error, "retry_after", None) if self.honor_retry_after else None
        return max(seconds, float(asked)) if isinstance(asked, (int, float)) else seconds


NO_RETRY = RetryConfig(max_retries=0)
