"""What the single-file program runs: the installed command, once the traces of unpacking are removed."""

from __future__ import annotations

import sys

from mxpc.adapters.itself import settle_in
from mxpc.cli import main

settle_in()
sys.exit(main())
