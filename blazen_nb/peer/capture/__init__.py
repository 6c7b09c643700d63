"""Output of running code goes to the step it belongs to, told by context variables.

A peer installs the capture once; each attempt of a step then activates its own sink around its
code. What a step prints, logs, warns, displays or draws ends in that sink, from its own thread or
task and from those it starts; code of no step is untouched. Not captured: stream
objects that somebody kept from before the installation, and the file descriptors 1 and 2 (C code,
child processes), which a process that is only a peer brings to its log (``descriptors``). Nothing here knows the engine or the wire.
"""

from __future__ import annotations

from blazen_nb.peer.capture.displays import display, mimebundle
from blazen_nb.peer.capture.installation import (
    activate,
    capturing,
    context_variables,
    deactivate,
    install,
    uninstall,
)
from blazen_nb.peer.capture.scope import Sink

__all__ = [
    "Sink",
    "activate",
    "capturing",
    "context_variables",
    "deactivate",
    "display",
    "install",
    "mimebundle",
    "uninstall",
]
