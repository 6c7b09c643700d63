"""What crosses the network and how: messages, framing, status codes, tokens; it knows nothing of runs or steps."""

from __future__ import annotations

import os

# Read once, when grpc is first imported. With fork support on, each fork in user code (a DataLoader's workers,
# subprocess helpers) makes grpc print warnings into the cell; no forked child of this process uses its channels.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
