"""How much memory this process's control group may use: less than the host has, in a container."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """Bytes of a control group."""

    used: int
    """Without file cache that the kernel would give up first."""
    total: int


def memory_limit(root: Path = Path("/")) -> MemoryLimit | None:
    """The smallest limit that holds for this process; None where there is none.

    Args:
        root: Where ``proc`` and ``sys`` are.
    """
    limits = [limit for folder in _folders(root) if (limit := _limit(folder)) is not None]
    return min(limits, key=lambda limit: limit.total, default=None)


def _folders(root: Path) -> list[Path]:
    """The process's own group and the groups around it; a container may see only the top."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    found: list[Path] = []
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "memory" not in controllers.split(","):
            continue
        top = root / ("sys/fs/cgroup/memory" if controllers else "sys/fs/cgroup")
        folder = top / path.lstrip("/")
        found += [each for each in (folder, *folder.parents) if each.is_relative_to(top)]
    return found


def _limit(folder: Path) -> MemoryLimit | None:
    for most, now in (
        ("memory.max", "memory.current"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        try:
            total, used = (folder / most).read_text().strip(), int((folder / now).read_text())
            return MemoryLimit(max(0, used - _cache(folder)), int(total))
        except (OSError, ValueError):  # not there, or "max": no limit
            continue
    return None


def _cache(folder: Path) -> int:
    stat = (folder / "memory.stat").read_text()
    facts = dict(line.split(maxsplit=1) for line in stat.splitlines())
    return int(facts.get("total_inactive_file", facts.get("inactive_file", "0")))
