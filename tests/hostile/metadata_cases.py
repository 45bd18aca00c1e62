"""What can be wrong with `.metadata`."""

from __future__ import annotations

from collections.abc import Callable

from hostile.corpus import Case, Good, refused, sound
from hostile.making import END, ZEROS, file, header, member


def _content(content: bytes) -> Callable[[Good], bytes]:
    return lambda good: member(file(".metadata", content) + good.dump_file + good.blob_files + END)


def _bad(name: str, wrong: str, content: bytes, *words: str) -> Case:
    return refused(name, wrong, _content(content), ".metadata", *words)


def _odd(name: str, wrong: str, content: bytes, note: str = "") -> Case:
    return sound(name, wrong, _content(content), note)


def _surely_nested(good: Good) -> bytes:
    return _content(b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}")(good)


CASES = [
    refused(
        "metadata-gigabyte",
        "1 GiB",
        lambda good: member(header(".metadata", 1 << 30), (ZEROS, 1024), good.dump_file + END),
        ".metadata",
        "1073741824",
    ),
    _bad("metadata-too-big", "70,000 bytes of spaces", b"{}".ljust(70_000), "big"),
    _bad("metadata-empty", "empty", b"", "not JSON"),
    _bad("metadata-text", "text", b"duration=0", "not JSON"),
    _bad("metadata-cut", "half an object", b'{"duration":"0","dump', "not JSON"),
    _bad("metadata-list", "a list", b'["duration"]', "not a JSON object"),
    _bad("metadata-number", "a number", b"12", "not a JSON object"),
    _bad("metadata-null", "null", b"null", "not a JSON object"),
    _bad("metadata-binary", "bytes that are no text", bytes(range(128, 256)), "not JSON"),
    _bad("metadata-twice", "a key with two values", b'{"dumpSize":"1","dumpSize":"2"}', "twice"),
    _bad("metadata-digits", "a number of 60,000 digits", b'{"duration":' + b"9" * 60_000 + b"}", "not JSON"),
    _bad("metadata-behind", "something behind the object", b'{"duration":"0"}{}', "not JSON"),
    refused("metadata-nested", "30,000 lists in each other", _surely_nested, ".metadata", "not JSON"),
    *(
        _bad(f"metadata-nested-{depth}", f"{depth} lists in each other", b'{"a":' + b"[" * depth + b"]" * depth + b"}")
        for depth in (2000, 5000)
    ),
    _odd("metadata-control", "a value that clears the screen", b'{"modelVersion":"\\u001b[2J\\nerror: lost\\u0007"}'),
    _odd("metadata-surrogate", "half a character", b'{"modelVersion":"\\ud800","\\udfff":"x"}'),
    _odd("metadata-numbers", "numbers and other values", b'{"duration":1e999,"dumpSize":null,"filesSize":[1],"x":NaN}'),
    _odd("metadata-size-digits", "a size in Arabic digits", '{"dumpSize":"٣"}'.encode()),
    _odd("metadata-wrong-size", "a size that is not the dump's", b'{"dumpSize":"5"}', "dumpSize 5"),
    _odd("metadata-mark", "a byte order mark", b'\xef\xbb\xbf{"duration":"0"}'),
]
