"""Names that lead outside, mean two things, come twice or want to be printed."""

from __future__ import annotations

from collections.abc import Callable

from hostile.corpus import Case, Good, refused, sound
from hostile.making import END, OTHER, blob_entry, file, header, member, pax, record


def _with(*more: bytes) -> Callable[[Good], bytes]:
    return lambda good: member(good.entries + b"".join(more) + END)


def _named(case: str, name: bytes | str, wrong: str, *words: str) -> Case:
    return refused(case, wrong, _with(file(name, b"x")), *words)


def _again(case: str, wrong: str, name: Callable[[str], str]) -> Case:
    """The first blob comes for a second time, under a name."""
    return refused(case, wrong, lambda good: _with(file(name(good.first_blob), b"other"))(good), "twice")


def _extra(case: str, name: bytes, wrong: str) -> Case:
    return sound(case, wrong, _with(file(name, b"x")), extra_count=1)


def _many(good: Good) -> bytes:
    return _with(*(file(f"many/{one:05}") for one in range(70_000)))(good)


def _folders(good: Good) -> bytes:
    """A folder for everything, also under the names of files."""
    names = ["./", "tree/", "db/", f"{blob_entry(OTHER)}/", f"tree/{OTHER}/", "db/db.backup/", ".metadata/"]
    return _with(*(header(name, 0, b"5") for name in names))(good)


CASES = [
    _named("name-parent", "../../evil", "leads outside", "unsafe", "../../evil", "leads out"),
    _named("name-parent-inside", "tree/../../evil", "leads outside on its way", "unsafe", "tree/../../evil"),
    _named("name-parent-at-end", "tree/..", "ends outside", "unsafe", "tree/.."),
    _named("name-absolute", "/etc/cron.d/evil", "absolute", "unsafe", "/etc/cron.d/evil", "absolute"),
    _named("name-network", "//server/share", "a network share", "unsafe", "absolute"),
    _named("name-drive", "C:/Windows/evil", "a drive letter", "unsafe", "C:/Windows/evil"),
    _named("name-drive-alone", "c:evil", "a drive letter without a slash", "unsafe", "c:evil"),
    _named("name-backslash", "tree\\..\\..\\evil", "backslashes", "unsafe", "backslash"),
    _named("name-empty", "", "no name", "unsafe", "empty"),
    _named("name-only-dot", "./", "nothing but ./", "folder './' has content"),
    _named("name-empty-part", "tree//x", "an empty part", "unsafe", "tree//x"),
    _named("name-dots", "././x", "./ twice", "unsafe", "././x"),
    _named("name-dump-dots", "db/./db.backup", "the dump in another spelling", "unsafe", "db/./db.backup"),
    refused(
        "name-prefix-outside",
        "the prefix field leads outside",
        _with(file("evil", b"x", prefix=b"../..")),
        "unsafe",
        "../../evil",
    ),
    refused("name-folder-outside", "a folder outside", _with(header("../evil/", 0, b"5")), "unsafe", "../evil"),
    refused("name-folder-root", "the root folder", _with(header("/", 0, b"5")), "unsafe"),
    refused("twice-dump", "a second dump", _with(file("db/db.backup", b"PGDMP")), "twice", "db/db.backup"),
    refused(
        "twice-dump-dot", "a second dump under ./", _with(file("./db/db.backup", b"PGDMP")), "twice", "db/db.backup"
    ),
    refused("twice-metadata", "a second .metadata", _with(file(".metadata", b"{}")), "twice", ".metadata"),
    refused("twice-extra", "an unknown file twice", _with(file("README"), file("./README")), "twice", "README"),
    _again("twice-blob", "a blob twice", blob_entry),
    _again("twice-blob-dot", "a blob again under ./", lambda blob: "./" + blob_entry(blob)),
    _again("twice-blob-flat", "a blob again, flat", lambda blob: f"tree/{blob}"),
    _again("twice-blob-case", "a blob again in capitals", lambda blob: blob_entry(blob.upper())),
    _again("twice-blob-flat-case", "a blob again, flat and in capitals", lambda blob: f"tree/{blob.upper()}"),
    _named("blob-wrong-folder", f"tree/ff/ee/{OTHER}", "a blob in a folder of another", "wrong folder", OTHER),
    _named("blob-mixed-case", f"tree/C0/ff/{OTHER}", "a folder in capitals, its blob not", "wrong folder", OTHER),
    _named("blob-outside-tree", f"files/{OTHER}", "a blob outside of tree", "wrong folder", OTHER),
    _named("blob-deep", f"tree/c0/ff/c3/{OTHER}", "a blob too deep", "wrong folder", OTHER),
    refused(
        "dump-is-a-folder",
        "the dump is a folder, and there is nothing else",
        lambda _: member(header("db/db.backup/", 0, b"5") + END),
        "neither",
    ),
    refused(
        "name-pax-newline-outside",
        "a name of two lines that leads outside",
        _with(pax(record("path", "a\n../../evil")), file("x")),
        "unsafe",
        "a\\n../../evil",
    ),
    _extra("extra-newline", b"a\nerror: all is lost", "a name of two lines"),
    _extra("extra-escape", b"\x1b[2J\x1b]0;owned\x07", "a name that clears the screen"),
    _extra("extra-right-to-left", "txt.\u202eexe".encode(), "a name that is shown backwards"),
    _extra("extra-invalid-utf-8", b"caf\xe9\xff\xfe", "a name that is no UTF-8"),
    _extra("extra-surrogate", b"\xed\xa0\x80", "a name with half a character"),
    _extra("extra-dump-case", b"DB/DB.BACKUP", "the dump's name in capitals"),
    _extra("extra-almost-blob", b"tree/c0/ff/" + OTHER[:-1].encode(), "a uuid that is one short"),
    _extra("extra-dots", b"...", "a name of three dots"),
    sound("many-entries", "70,000 empty entries", _many, extra_count=70_000, live=False),
    sound("folders", "folders everywhere, with uuids and under the names of files", _folders),
    sound(
        "name-dots-everywhere",
        "./ in front of every name",
        lambda good: member(
            file("./db/db.backup", good.dump)
            + b"".join(file("./" + blob_entry(blob), content) for blob, content in good.blobs.items())
            + END
        ),
    ),
]
