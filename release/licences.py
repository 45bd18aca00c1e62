"""docs/licences.md. `python -m release.licences` writes it; with `--check` it only compares."""

from __future__ import annotations

import sys
from pathlib import Path

from release.dependencies import dependencies

PAGE = Path(__file__).resolve().parent.parent / "docs" / "licences.md"

HEAD = """\
# Licences

The tool itself: Apache-2.0 ([LICENSE](../LICENSE)). What it needs to run, as pinned in `requirements/runtime.txt`;
none of it is changed, and all of it is installed beside the tool. `make licences` writes this page, `make check`
compares it.

| package | licence |
| --- | --- |
"""
FOOT = """
`psycopg` is under the LGPL: it is used as the library that it is, and can be replaced by another build.
`psycopg-binary` carries libpq (PostgreSQL licence), OpenSSL (Apache-2.0) and Kerberos (MIT); `obstore` and `isal`
carry code in Rust and assembler under Apache-2.0, MIT and BSD licences.

The container image also holds Debian's packages, each with its licence in `/usr/share/doc`, and PostgreSQL's client
programs with theirs in `/usr/lib/postgresql/N/COPYRIGHT`. The servers of `demo` and of the tests are in no release.
"""


def page() -> str:
    """Without versions: a new pin of the same licence changes nothing here."""
    return HEAD + "".join(f"| {one.name} | {one.licence} |\n" for one in dependencies()) + FOOT


def main(words: list[str]) -> int:
    """Write or compare."""
    if words != ["--check"]:
        PAGE.write_text(page())
        return 0
    if PAGE.exists() and PAGE.read_text() == page():
        return 0
    print("docs/licences.md is not what requirements/runtime.txt says: make licences", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
