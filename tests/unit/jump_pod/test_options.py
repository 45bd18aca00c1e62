"""How the options of a jump pod are understood, and which ones go on to the tool in the pod."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from mxpc.cli.backup import command as backup
from mxpc.cli.jump_pod.options import PodOptions, duration, pod_options
from mxpc.cli.jump_pod.options import parameters as as_parameters
from mxpc.cli.jump_pod.pass_on import arguments, object_keys, refuse_what_makes_no_sense
from mxpc.cli.restore import command as restore
from mxpc.errors import RequestError
from mxpc.workflows.pod_objects import PodWishes


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("12h", 43200), ("2d", 172800)])
def test_durations(text: str, seconds: int) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "5", "-1m", "1w", "1.5h"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(click.BadParameter):
        duration(text)


def wishes(*words: str) -> PodWishes:
    """What these options come to. Raises RequestError."""
    found: list[PodWishes] = []
    made = click.Command(
        "try",
        params=as_parameters(pod_options()),
        callback=lambda **given: found.append(PodOptions.taken_from(given).wishes(patience=60)),
    )
    result = CliRunner().invoke(made, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return found[0]


def test_pod_options() -> None:
    made = wishes(
        *("--node-selector", "disk=fast", "--resources", "memory=1Gi/4Gi", "--resources", "cpu=1"),
        *("--service-account-annotation", "eks.amazonaws.com/role-arn=arn:aws:iam::1:role/a=b"),
    )
    assert made.image == "docker.io/library/postgres:18"
    assert made.node_selector == {"disk": "fast"}
    assert (made.memory.request, made.memory.limit) == ("1Gi", "4Gi")
    assert (made.cpu.request, made.cpu.limit) == ("1", "1")
    assert made.annotations == {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/a=b"}
    assert made.deadline == 12 * 3600


def test_image_follows_the_major_unless_it_is_named() -> None:
    assert wishes("--postgres-major", "15").image == "docker.io/library/postgres:15"
    assert wishes("--postgres-major", "15", "--image", "own:1").image == "own:1"


def test_cluster_may_choose_the_user() -> None:
    assert wishes("--run-as-user", "cluster").user is None
    assert wishes("--run-as-user", "1000").user == 1000


@pytest.mark.parametrize(
    "words",
    [
        ("--resources", "disk=1Gi"),
        ("--resources", "memory=lots"),
        ("--run-as-user", "0"),
        ("--run-as-user", "root"),
        ("--service-account", "mine", "--service-account-annotation", "a=b"),
    ],
)
def test_requests_that_make_no_sense(words: tuple[str, ...]) -> None:
    with pytest.raises(RequestError):
        wishes(*words)


def test_keys_to_encrypted_files_are_brought_along(tmp_path: Path) -> None:
    archive, beside, other = (tmp_path / name for name in ("a.tar.gz", "a.tar.gz.objects.json", "other.json"))
    assert object_keys(str(archive), None) == ((), ())
    beside.write_text("beside")
    other.write_text("other")
    for named, content in ((None, b"beside"), (str(other), b"other")):
        words, (file,) = object_keys(str(archive), named)
        assert words == ("--objects-file", f"../{file.name}")
        assert file.content == content
    assert object_keys("-", None) == ((), ())


def test_what_would_be_lost_in_the_pod_is_refused() -> None:
    with pytest.raises(RequestError, match="keep-encrypted"):
        refuse_what_makes_no_sense({"keep_encrypted": True})


def passed_on(inner: click.Command, *words: str) -> tuple[str, ...]:
    context = inner.make_context(str(inner.name), list(words))
    return arguments(context, inner, ("mendix", "app"))


def test_given_options_go_on_and_defaults_do_not() -> None:
    words = ("-n", "mendix", "-e", "app", "-f", "x", "--only", "files", "--buffer", "16MB", "--strict", "-v")
    here = ("--kubeconfig", "k", "--context", "c")
    assert passed_on(backup, *words, *here) == (
        *("backup", "-n", "mendix", "-e", "app"),
        *("--only", "files", "--buffer", "16000000", "--strict", "-v"),
    )


def test_options_that_are_given_more_than_once_go_on_as_often() -> None:
    assert passed_on(restore, "-f", "x", "--skip", "extensions", "--skip", "publications") == (
        *("restore", "-n", "mendix", "-e", "app", "--skip", "extensions", "--skip", "publications"),
    )
