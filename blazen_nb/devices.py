"""How busy a peer's devices are, and who keeps values there: what the peer measures, the wire carries, pictures show."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One GPU. None stands for what its driver does not tell, as that of a slice of a GPU does not."""

    name: str
    use: float | None = None
    """The share of time in which something ran on it, 0 to 1, over the driver's last period of up to a second."""
    memory_used: int | None = None
    """Bytes, by all processes."""
    memory_total: int | None = None
    """Bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """A peer's devices at one moment."""

    cpu: float
    """The busy share of all cores of the host, 0 to 1, since the last sample."""
    memory_used: int
    """Bytes: of the host, or of the peer's control group where that has a smaller limit."""
    memory_total: int
    """Bytes."""
    gpus: tuple[Gpu, ...] = ()
    """Those that CUDA_VISIBLE_DEVICES leaves visible, else all."""
    at: float
    """Wall clock of the peer, seconds since the epoch."""
    process_memory: int | None = None
    """Bytes of the peer's own process that are resident; None where an older peer does not say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """The values that a peer keeps for one client on one device, or for all other users together."""

    holder: str
    """What the client calls itself; empty for calls without a session, and for others."""
    is_others: bool
    """Whether they are of other users than the one who asked."""
    device: str
    """``cuda:0``; empty for the host's memory."""
    count: int
    size: int
    """Bytes of those whose size is known."""
    unknown: int
    """How many have a size that is not known."""
