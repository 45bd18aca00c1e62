"""Moving bytes and ordered parallel work. Standard library only."""

from __future__ import annotations
