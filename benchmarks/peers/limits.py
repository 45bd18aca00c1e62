"""The limits of the file storage: as many bytes as 32 threads can move, and nothing done with them.

python limits.py download | upload FOLDER
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import obstore
from obstore.store import S3Store

T = TypeVar("T")
THREADS = int(os.environ.get("BENCH_THREADS", "32"))


def download(store: S3Store, listed: Iterable[str]) -> None:
    """Every blob, discarded."""
    _each(lambda key: len(obstore.get(store, key).bytes()), listed)


def upload(store: S3Store, folder: Path) -> None:
    """Every file of a folder, under its name."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    _each(lambda path: obstore.put(store, path.name, path.read_bytes(), use_multipart=False), files)


def _each(work: Callable[[T], object], items: Iterable[T]) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(work, items):
            pass


def main() -> None:
    store = S3Store(
        os.environ["BENCH_BUCKET"],
        endpoint=os.environ["BENCH_ENDPOINT"],
        region=os.environ["AWS_DEFAULT_REGION"],
        access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
        secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )
    if sys.argv[1] == "download":
        # Listing counts: it stands for the question to the database.
        download(store, [entry["path"] for batch in obstore.list(store) for entry in batch])
    else:
        upload(store, Path(sys.argv[2]))


if __name__ == "__main__":
    main()
