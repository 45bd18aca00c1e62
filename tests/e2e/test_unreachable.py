"""Services that do not answer: known within a minute, named, nothing left and nothing changed."""

from __future__ import annotations

import pytest

from e2e.waiting import COMMANDS, SERVICES, STATES, Calls


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("service", SERVICES)
def test_service_that_does_not_answer_is_named_within_a_minute(
    calls_under_way: Calls, service: str, state: str, command: str
) -> None:
    call = calls_under_way[service, state, command]
    environment = call.environment
    name = environment.bucket if service == "storage" else environment.database.name
    ended = call.ended.result().expect(3, name, call.address.rpartition(":")[0], "hint:")
    assert not [form for form in environment.secret_forms() if form in ended.err + ended.out]
    assert list(call.folder.iterdir()) == []


@pytest.mark.parametrize("state", STATES)
def test_nothing_is_left_of_these_calls(calls_under_way: Calls, state: str) -> None:
    calls = [call for (_, its_state, _), call in calls_under_way.items() if its_state == state]
    for call in calls:
        call.ended.result()
    environment = calls[0].environment
    assert environment.children() == []
    assert list(environment.temporary.iterdir()) == []
    assert calls[0].before.changes(environment.content()) == []
