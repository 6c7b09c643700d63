"""What the kernelspec "Blazen peer" starts: leaves the notebook's folder out while it loads, and knows nothing else.

A file of that folder, ``random.py``, must not take the place of what a kernel is made of. IPython adds the folder
again once the kernel is there. ipykernel's own launcher does the same.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    if sys.path[0] in ("", os.getcwd()):
        del sys.path[0]
    from blazen_nb.notebook.peer_kernel_app import PeerKernelApp

    PeerKernelApp.launch_instance()
