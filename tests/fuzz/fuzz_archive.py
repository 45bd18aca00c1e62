"""Coverage-guided fuzzing of everything that reads an archive. By hand, not in CI.

    python -m pip install atheris                             # a wheel exists for Python 3.11 and Linux
    PYTHONPATH=tests python tests/fuzz/fuzz_archive.py SEEDS -max_total_time=600 -rss_limit_mb=1024

SEEDS is a folder that libFuzzer fills further; `--seeds SEEDS` as the only arguments puts the small ones of the hostile
corpus there. The first byte of an input says what the rest is: an archive, a tar whose checksums are made right first,
or a dump.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

BLOCK = 512


def write_seeds(folder: Path) -> None:
    """The small ones of the corpus, each as archive, tar or dump."""
    from hostile.corpus import Good, corpus
    from hostile.making import BLOB, Dump, parsed

    whole = parsed((Path(__file__).parents[1] / "assets" / "dumps" / "pg15-Z0.backup").read_bytes())
    ids = {one.dump_id for one in [one for one in whole.entries if one.has_data][:3]}
    entries = [one for one in whole.entries if not one.has_data][:4] + [
        one for one in whole.entries if one.dump_id in ids
    ]
    small = Dump(tuple(entries), tuple(one for one in whole.blocks if one.dump_id in ids), head=whole.head)
    good = Good(small.encoded(), {BLOB: b"content"})
    folder.mkdir(exist_ok=True)
    seeds = {"good": b"\0" + good.gzip, "good-tar": b"\1" + good.tar, "good-dump": b"\2" + good.dump}
    seeds["good-dump-gzip"] = b"\2" + small.compressed().encoded()
    for name, case in corpus().items():
        if case.live and len(archive := case.make(good)) < 20_000:
            seeds[name] = b"\0" + archive
    for name, content in seeds.items():
        (folder / name).write_bytes(content)


def main() -> None:
    """See above."""
    if sys.argv[1] == "--seeds":
        write_seeds(Path(sys.argv[2]))
        return
    import atheris

    with atheris.instrument_imports(include=["mxpc.archive"]):
        from mxpc.archive.dump import DumpStream
        from mxpc.archive.scan import scan
    from mxpc.errors import ArchiveError

    def read(data: bytes) -> None:
        kind, content = data[:1], data[1:]
        try:
            if kind == b"\2":
                checked = DumpStream(io.BytesIO(content)).check()
                passed = DumpStream(io.BytesIO(content)).rewritten(checked=True)
                again = b"".join(iter(lambda: passed.read(1 << 16), b""))
                assert DumpStream(io.BytesIO(again)).check() == checked
            else:
                scan(io.BytesIO(_repaired(content) if kind == b"\1" else content))
        except ArchiveError as error:
            if not (error.hint and f"{error.what}{error.evidence}".replace("\n", "").isprintable()):
                raise AssertionError from error

    atheris.Setup(sys.argv, read)
    atheris.Fuzz()


def _repaired(data: bytes) -> bytes:
    """With right checksums in everything that could be a tar header."""
    blocks = [bytearray(data[at : at + BLOCK]) for at in range(0, len(data), BLOCK)]
    for block in blocks:
        if len(block) == BLOCK and block[257:262] == b"ustar":
            block[148:156] = b" " * 8
            block[148:156] = b"%06o\0 " % sum(block)
    return b"".join(blocks)


if __name__ == "__main__":
    main()
