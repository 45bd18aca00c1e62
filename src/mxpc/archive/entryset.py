"""Which entries were there already, at 32 bytes an entry: an archive may have millions."""

from __future__ import annotations

from hashlib import blake2b

_KEY = 16
_EMPTY = bytes(_KEY)


class EntrySet:
    """A set of entries by uuid (case folded) or by name. An open hash table of 16-byte keys in one bytearray."""

    def __init__(self) -> None:
        self._table = bytearray(64 * _KEY)
        self._mask = 63
        self._count = 0
        self._has_nil = False

    def add_blob(self, blob: str) -> bool:
        """False when the blob was added before."""
        return self._add(bytes.fromhex(blob.replace("-", "")))

    def add_name(self, name: str) -> bool:
        """False when the name was added before."""
        return self._add(blake2b(name.encode("utf-8", "surrogateescape"), digest_size=_KEY).digest())

    def __len__(self) -> int:
        return self._count + self._has_nil

    def _add(self, key: bytes) -> bool:
        if key == _EMPTY:
            was_there, self._has_nil = self._has_nil, True
            return not was_there
        if self._count * 3 > self._mask * 2:
            self._grow()
        return self._put(key)

    def _put(self, key: bytes) -> bool:
        table, mask = self._table, self._mask
        slot = hash(key) & mask  # keyed by Python for each process: no archive can aim for collisions
        while (there := table[slot * _KEY : slot * _KEY + _KEY]) != _EMPTY:
            if there == key:
                return False
            slot = (slot + 1) & mask
        table[slot * _KEY : slot * _KEY + _KEY] = key
        self._count += 1
        return True

    def _grow(self) -> None:
        old = self._table
        self._mask = self._mask * 2 + 1
        self._table = bytearray((self._mask + 1) * _KEY)
        self._count = 0
        for start in range(0, len(old), _KEY):
            if (key := bytes(old[start : start + _KEY])) != _EMPTY:
                self._put(key)
