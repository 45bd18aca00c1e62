"""The obvious script: what somebody writes in an afternoon, done well.

    python obvious.py backup|restore FILE     BENCH_DATABASE=yes BENCH_FILES=yes choose the halves

pg_dump with its default compression into a file, blobs one after another with boto3, Python's tarfile.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

WITH_DATABASE = os.environ.get("BENCH_DATABASE") == "yes"
WITH_FILES = os.environ.get("BENCH_FILES") == "yes"
BUCKET = os.environ.get("BENCH_BUCKET", "")


def backup(file: Path, work: Path) -> None:
    """Everything into a folder, then the folder into FILE."""
    if WITH_DATABASE:
        (work / "db").mkdir()
        subprocess.run(["pg_dump", "-Fc", "-O", "-x", "-f", work / "db/db.backup"], check=True)
    if WITH_FILES:
        _download(work / "tree")
    with tarfile.open(file, "w:gz") as archive:
        for path in sorted(work.iterdir()):
            archive.add(path, path.name)


def _download(tree: Path) -> None:
    import psycopg

    client = _client()
    with psycopg.connect("") as connection:
        names = connection.execute('SELECT "__uuid__" FROM "system$filedocument" WHERE "__uuid__" IS NOT NULL')
        for (name,) in names.fetchall():
            target = tree / name[:2] / name[2:4] / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(client.get_object(Bucket=BUCKET, Key=name)["Body"].read())


def restore(file: Path, work: Path) -> None:
    """FILE into a folder, then everything from there."""
    with tarfile.open(file, "r:gz") as archive:
        archive.extractall(work, filter="data")
    if WITH_DATABASE:
        options = ["--clean", "--if-exists", "--single-transaction", "-O", "-x"]
        subprocess.run(["pg_restore", *options, "-d", os.environ["PGDATABASE"], work / "db/db.backup"], check=True)
    if WITH_FILES:
        client = _client()
        for path in (work / "tree").rglob("*"):
            if path.is_file():
                client.put_object(Bucket=BUCKET, Key=path.name, Body=path.read_bytes())


def _client():  # noqa: ANN202 - boto3 makes its classes at run time
    import boto3

    return boto3.client("s3", endpoint_url=os.environ["BENCH_ENDPOINT"])


def main() -> None:
    with tempfile.TemporaryDirectory() as work:
        {"backup": backup, "restore": restore}[sys.argv[1]](Path(sys.argv[2]), Path(work))


if __name__ == "__main__":
    main()
