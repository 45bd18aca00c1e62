"""docs/troubleshooting.md has a paragraph for every message that the tool can end with, and for none that it cannot."""

from __future__ import annotations

import re

import pytest

from documents.messages import VARIABLE, Message, all_messages
from documents.troubleshooting import PAGE, listed_messages
from mxpc.adapters.object_store_trouble import Kind

MESSAGES = [message for message in all_messages() if message.text != VARIABLE]
LISTED = list(listed_messages(PAGE.read_text(encoding="utf-8")))
RESTORE = (PAGE.parent / "restore.md").read_text(encoding="utf-8")


def test_each_message_has_its_paragraph() -> None:
    without = {message for message in MESSAGES if not any(one.covers(message) for one in LISTED)}
    lines = [f"- `{one.text}`  (exit code {one.exit_code}, {one.place})" for one in sorted(without, key=_by_code)]
    assert not lines, "docs/troubleshooting.md lacks:\n" + "\n".join(lines)


def test_each_paragraph_is_about_a_message() -> None:
    idle = [one.text for one in LISTED if not any(one.covers(message) for message in MESSAGES)]
    assert not idle, f"no error begins like this any more: {idle}"


def test_no_line_of_the_page_stands_for_everything() -> None:
    """Two words are few, and only allowed where the tool's own message has no more."""
    texts = {message.text for message in MESSAGES}
    assert [one.text for one in LISTED if one.words < 3 and one.text not in texts] == []


def test_each_list_of_messages_is_followed_by_what_to_do() -> None:
    silent = [one.text for one in LISTED if len(one.paragraph) < 20 or one.paragraph.startswith(("#", "- "))]
    assert silent == []


def test_no_message_is_listed_twice_for_one_exit_code() -> None:
    assert len({(one.text, one.exit_code) for one in LISTED}) == len(LISTED)


@pytest.mark.parametrize("kind", Kind)
def test_what_a_storage_may_say_is_in_the_table(kind: Kind) -> None:
    assert f"| {kind.value} |" in PAGE.read_text(encoding="utf-8")


def test_each_code_of_a_finding_is_in_the_table_of_checks() -> None:
    codes = {message.code for message in MESSAGES if message.code}
    in_table = set(re.findall(r"`([a-z…-]+)`", "\n".join(re.findall(r"^\| (`.+?`) \|", RESTORE, re.MULTILINE))))
    assert "environment-running" in codes
    assert codes - in_table == set()


def test_messages_are_found_where_they_arise() -> None:
    """Of three kinds: said at once, handed on by a function of the module, and by one of another module."""
    texts = {message.text for message in MESSAGES}
    assert "--dry-run cannot read standard input" in texts
    assert "pod … is not ready after … seconds" in texts
    assert "The archive holds an unsafe name: …" in texts


def _by_code(message: Message) -> tuple[int, str]:
    return message.exit_code, message.text
