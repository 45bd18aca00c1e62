"""A pod that does not come, or has not what it needs: an error that says why, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.environment import Ended
from e2e.jump_pod.conftest import Afar, executable
from standin.kubelet import Manifest


def waiting(reason: str, message: str) -> Manifest:
    """The status of a pod whose container waits."""
    state = {"waiting": {"reason": reason, "message": message}}
    return {"phase": "Pending", "containerStatuses": [{"name": "tool", "ready": False, "state": state}]}


def backup(afar: Afar, *more: str | Path) -> Ended:
    return afar.run("backup", "-f", afar.live.home / "backup.tar.gz", *more)


def test_image_that_cannot_be_named_is_told_at_once(afar: Afar) -> None:
    afar.refuse(waiting("InvalidImageName", "couldn't parse image name"))
    backup(afar, "--image", "???").expect(3, "InvalidImageName", "couldn't parse image name", "--image")


def test_events_are_shown_while_the_pod_does_not_come(afar: Afar) -> None:
    afar.refuse(waiting("ImagePullBackOff", "Back-off pulling image"))
    afar.api.tell_event("Warning", "Failed", "Failed to pull image: no route to registry")
    ended = backup(afar, "--ready-within", "3s")
    ended.expect(3, "is not ready after 3 seconds", "ImagePullBackOff", "no route to registry", "--image")
    assert ended.err.count("warning: pod mxpc-jump-pod-") == 1


def test_pod_that_no_node_takes(afar: Afar) -> None:
    message = "0/3 nodes are available: 3 Insufficient memory."
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    afar.refuse({"phase": "Pending", "conditions": [condition]})
    backup(afar, "--ready-within", "2s").expect(3, message, "--resources")


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ('pods "x" is forbidden: exceeded quota: compute, requested: pods=1', "quota is used up"),
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest": privileged', "restricted"),
        ('admission webhook "policy" denied the request: no images of docker.io', "a policy of the cluster refuses it"),
    ],
)
def test_refused_pod_says_what_to_do_and_its_account_is_removed(afar: Afar, message: str, advice: str) -> None:
    afar.api.refusals["create", "Pod"] = 403, message
    backup(afar).expect(3, message, advice)
    assert len(afar.api.made) == 3


def test_role_that_may_not_be_given_is_explained(afar: Afar) -> None:
    afar.api.refusals["create", "Role"] = (
        403,
        'roles.rbac.authorization.k8s.io "x" is forbidden: user "me" is attempting to grant RBAC permissions '
        "not currently held",
    )
    backup(afar).expect(3, "a right can only be given on by who has it", "--service-account")


def test_without_kubectl_nothing_is_made(afar: Afar) -> None:
    (afar.programs / "kubectl").unlink()
    ended = afar.start("backup", "-f", afar.live.home / "backup.tar.gz", PATH=str(afar.programs)).ended()
    ended.expect(2, "kubectl was not found", "install it")
    assert afar.api.made == []


def test_commands_that_may_not_be_run_in_the_pod(afar: Afar) -> None:
    words = 'Error from server (Forbidden): pods "x" is forbidden: User "me" cannot create resource "pods/exec"'
    executable(afar.programs / "kubectl", f"#!/bin/sh\necho '{words}' >&2\nexit 1\n")
    backup(afar).expect(3, "commands may not be run in the pod", words, "pods/exec")


def test_tool_that_is_nowhere(afar: Afar) -> None:
    afar.bring_nothing()
    backup(afar).expect(2, "does not have the tool", "--tool FILE")


def test_tool_of_the_image_is_used(afar: Afar) -> None:
    afar.bring_nothing()
    afar.into_the_image(afar.tool)
    backup(afar).expect(0)


def test_tool_that_does_not_start_in_the_pod(afar: Afar) -> None:
    tool = executable(afar.live.home / "broken", "#!/bin/sh\necho 'version GLIBC_2.99 not found' >&2\nexit 1\n")
    backup(afar, "--tool", tool).expect(2, "does not start there", "GLIBC_2.99", "Linux")


def test_existing_service_account_is_used_and_stays(afar: Afar) -> None:
    backup(afar, "--service-account", "for-backups").expect(0)
    assert [made.split()[0] for made in afar.api.made] == ["Pod"]


def test_pod_of_somebody_is_used_once_and_left_there(afar: Afar) -> None:
    pod = afar.apply_manifest()
    afar.start("backup", "-f", afar.live.home / "backup.tar.gz", "--pod", pod).ended().expect(0)
    assert f"Pod {pod}" in afar.left()
    assert len(afar.left()) == 4
    afar.start("backup", "-f", afar.live.home / "b.tar.gz", "--pod", "no-such").ended().expect(2, "no jump pod no-such")


def test_leftovers_that_may_not_be_listed_are_no_failure(afar: Afar) -> None:
    afar.api.refusals["list", "Pod"] = 403, "pods is forbidden: User cannot list"
    backup(afar, "-v").expect(0, "were not looked for")


def test_what_cannot_be_removed_is_named(afar: Afar) -> None:
    afar.api.refusals["delete", "Role"] = 403, "roles is forbidden: User cannot delete"
    ended = afar.start("backup", "-f", afar.live.home / "backup.tar.gz").ended()
    ended.expect(0, "could not be removed", "kubectl delete role/mxpc-jump-pod-")
    assert [name.split()[0] for name in afar.left()] == ["Role"]
