"""PostgreSQL: the database that is backed up, and the one that is restored into."""

from __future__ import annotations

from mxpc.adapters.postgres.source import PostgresSource
from mxpc.adapters.postgres.target import PostgresTarget

__all__ = ["PostgresSource", "PostgresTarget"]
