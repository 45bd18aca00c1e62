"""Every message that an error of the tool may begin with, and every warning, read out of its sources.

A message is a text in which `…` stands for what is only known when it happens. Where a function hands an argument on
into an error, the messages are those of its callers.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

from mxpc import errors

SOURCES = Path(errors.__file__).parent
VARIABLE = "…"
ERRORS = frozenset(errors.__all__) - {"Interrupted"}
# Where in its arguments each call has the message.
PLACES = {**dict.fromkeys(ERRORS, 0), "BadParameter": 0, "Finding": 2, "Loss": 1, "_report": 2, "warned": 0}
EXIT_CODES = {"BadParameter": 2, "Finding": 5, "Loss": 5, "_report": 1, "warned": 0}

Function = ast.FunctionDef | ast.AsyncFunctionDef
Called = tuple[ast.Call, Function | None]


@dataclass(frozen=True)
class Message:
    """`place` is where it arises; `code` is that of a finding, else empty."""

    text: str
    exit_code: int
    place: str
    code: str = ""


@dataclass
class Room:
    """One module."""

    path: Path
    tree: ast.Module

    @cached_property
    def functions(self) -> dict[str, Function]:
        """By their names; methods too."""
        return {node.name: node for node in ast.walk(self.tree) if isinstance(node, Function)}

    @cached_property
    def calls(self) -> dict[str, list[Called]]:
        """Every call, by the name of what is called, with the innermost function that it is in."""
        found: dict[str, list[Called]] = {}
        for call, function in _calls(self.tree, None):
            found.setdefault(_called(call), []).append((call, function))
        return found

    def assigned(self, function: Function, name: str) -> Iterator[ast.expr]:
        """What a function gives to one of its names."""
        for node in ast.walk(function):
            match node:
                case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                    yield value

    @cached_property
    def name(self) -> str:
        return self.path.relative_to(SOURCES).as_posix()


def all_messages() -> list[Message]:
    """Those of the whole tool."""
    paths = sorted(SOURCES.rglob("*.py"))
    house = _House([Room(path, ast.parse(path.read_text(encoding="utf-8"))) for path in paths])
    return [message for room in house.rooms for message in house.messages_of(room)]


def _calls(node: ast.AST, function: Function | None) -> Iterator[Called]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield child, function
        yield from _calls(child, child if isinstance(child, Function) else function)


def _exit_code(kind: str, text: str) -> int:
    if text.startswith("interrupted"):
        return 130
    return EXIT_CODES[kind] if kind in EXIT_CODES else int(getattr(errors, kind).exit_code)


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


class _House:
    def __init__(self, rooms: Sequence[Room]) -> None:
        self.rooms = rooms

    def messages_of(self, room: Room) -> Iterator[Message]:
        for kind, place in PLACES.items():
            for call, function in room.calls.get(kind, ()):
                if len(call.args) > place and not _is_handed_on(call.args[place]):
                    yield from self._messages(kind, call, room, function)

    def _messages(self, kind: str, call: ast.Call, room: Room, function: Function | None) -> Iterator[Message]:
        code = min(self._texts(call.args[1], room, function)) if kind == "Finding" else ""
        for text in sorted(self._texts(call.args[PLACES[kind]], room, function)):
            yield Message(text, _exit_code(kind, text), f"{room.name}:{call.lineno}", code)

    def _texts(self, node: ast.expr, room: Room, function: Function | None, depth: int = 4) -> set[str]:
        """The texts that an expression may be."""
        match node:
            case ast.Constant(value=str(text)):
                return {text}
            case ast.JoinedStr(values=parts):
                return self._together(parts, room, function, depth)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._together([left, right], room, function, depth)
            case ast.FormattedValue(value=value, format_spec=None):
                return self._texts(value, room, function, depth)
            case ast.IfExp(body=body, orelse=otherwise):
                return self._texts(body, room, function, depth) | self._texts(otherwise, room, function, depth)
            case ast.Name(id=name) if function and depth:
                return self._named(name, room, function, depth - 1)
        return {VARIABLE}

    def _together(self, parts: Sequence[ast.expr], room: Room, function: Function | None, depth: int) -> set[str]:
        return {"".join(texts) for texts in product(*(self._texts(part, room, function, depth) for part in parts))}

    def _named(self, name: str, room: Room, function: Function, depth: int) -> set[str]:
        """What a local name may be: what is assigned to it, or what callers give for it."""
        found: set[str] = set()
        for value in room.assigned(function, name):
            found |= self._texts(value, room, function, depth)
        parameters = [one.arg for one in function.args.args if one.arg not in ("self", "cls")]
        if name in parameters:
            for argument, caller_room, caller in self._arguments(room, function, name, parameters.index(name)):
                found |= self._texts(argument, caller_room, caller, depth)
        return found or {VARIABLE}

    def _arguments(
        self, room: Room, function: Function, name: str, index: int
    ) -> Iterator[tuple[ast.expr, Room, Function | None]]:
        """What is given for a parameter. A private function has its callers in its own module."""
        for other in [room] if function.name.startswith("_") else self.rooms:
            if other is not room and function.name in other.functions:
                continue
            for call, caller in other.calls.get(function.name, ()):
                if _is_plain(call, same=other is room):
                    by_name = [one.value for one in call.keywords if one.arg == name]
                    for argument in by_name or call.args[index : index + 1]:
                        yield argument, other, caller


def _is_plain(call: ast.Call, *, same: bool) -> bool:
    """A function by its name; a method of another object may be anybody's."""
    match call.func:
        case ast.Name():
            return True
        case ast.Attribute(value=ast.Name()):
            return same
    return False


def _is_handed_on(node: ast.expr) -> bool:
    """`error.what` is the message of another error, which was counted where it arose."""
    return isinstance(node, ast.Attribute) and node.attr == "what"
