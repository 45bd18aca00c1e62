"""Blobs in a folder of this machine: for a file system that somebody mounts, and for trying things out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from obstore.store import LocalStore

from mxpc.adapters.object_store import ObjectFileStore
from mxpc.adapters.object_store_client import Clients
from mxpc.model import KeyLayout
from mxpc.streams import Concurrency

__all__ = ["FolderFileStore"]


class FolderFileStore(ObjectFileStore):
    """A FileStore over a folder that exists. An upload appears under its name once it is complete."""

    keeps_metadata: ClassVar[bool] = False

    def __init__(
        self,
        folder: Path,
        layouts: Sequence[KeyLayout] = (KeyLayout(),),
        *,
        concurrency: Concurrency | None = None,
    ) -> None:
        store = LocalStore(folder)
        super().__init__(
            Clients(store, store, store),
            place=f"folder {folder}",
            layouts=layouts,
            concurrency=concurrency,
            etags_are_md5=False,
        )
