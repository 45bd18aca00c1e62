"""The demo's file contents."""

from __future__ import annotations

import pytest

from mxpc.demo.contents import content
from mxpc.demo.data import make_documents


@pytest.mark.parametrize("kind", ["txt", "csv", "pdf", "png", "jpg", "docx", "zip", ""])
@pytest.mark.parametrize("size", [0, 1, 13, 512, 100_000])
def test_a_content_has_the_size_that_was_asked_for(kind: str, size: int) -> None:
    assert len(content(kind, size, "seed")) == size


def test_the_same_seed_makes_the_same_bytes() -> None:
    assert content("pdf", 5000, "a") == content("pdf", 5000, "a")
    assert content("pdf", 5000, "a") != content("pdf", 5000, "b")


def test_documents_are_the_same_for_the_same_seed_and_have_names_of_their_own() -> None:
    documents = list(make_documents(300, "seed"))
    assert documents == list(make_documents(300, "seed"))
    assert len({document.blob for document in documents}) == 300
    assert {0, 1, 6_000_000} <= {document.size for document in documents}
    assert max(document.size for document in documents) == 6_000_000
