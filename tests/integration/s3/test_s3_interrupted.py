"""A signal that comes while obstore asks for the login ends the work, and is no failure of the login."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import pytest

from mxpc.adapters.object_store_client import StoreLogin
from mxpc.adapters.s3 import S3FileStore
from mxpc.cli.signals import interruptible
from mxpc.errors import Interrupted

from .conftest import Bucket


@pytest.fixture
def _in_the_login(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    fetch = StoreLogin.__call__

    def interrupted(login: StoreLogin[object]) -> object:
        signal.raise_signal(signal.SIGTERM)
        return fetch(login)

    monkeypatch.setattr(StoreLogin, "__call__", interrupted)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("_in_the_login")
@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.probe([]),
        lambda store: store.stat("00000000-0000-4000-8000-000000000000"),
        lambda store: list(store.list()),
        lambda store: store.present(1000),
    ],
    ids=["probe", "stat", "list", "present"],
)
def test_it_is_raised_as_what_it_is(bucket: Bucket, ask: Callable[[S3FileStore], object]) -> None:
    store = S3FileStore(bucket.settings)
    with interruptible(lambda _: None), pytest.raises(Interrupted) as caught:
        ask(store)
    assert caught.value.signal_number == signal.SIGTERM
