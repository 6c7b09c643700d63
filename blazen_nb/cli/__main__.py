"""``python -m blazen_nb.cli`` is ``blazen-nb`` of this very Python."""

import sys

from blazen_nb.cli import main

sys.exit(main())
