"""SHA256SUMS of a folder's files, in the format of `sha256sum --check`. Usage: python -m release.sums FOLDER."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

NAME = "SHA256SUMS"


def main(folder: Path) -> None:
    """Write it; an older one, and signatures of it, are not in it."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(NAME)]
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / NAME).write_text("".join(lines))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
