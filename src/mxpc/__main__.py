"""`python -m mxpc` is the installed command."""

from __future__ import annotations

from mxpc.cli import main

raise SystemExit(main())
