"""The options that describe a jump pod, as one table; `PodOptions` is what they come to."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import click

from mxpc.cli import candidates
from mxpc.cli.options import size
from mxpc.errors import RequestError
from mxpc.workflows.pod_objects import CPU, DEFAULT_MAJOR, MEMORY, USER, Amount, PodWishes

Option = Callable[[Any], Any]
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(text: str) -> int:
    """Seconds of `90s`, `15m`, `12h` or `2d`. Raises click.BadParameter."""
    match = re.fullmatch(r"(\d+)([smhd])", text.strip())
    if not match or int(match[1]) == 0:
        raise click.BadParameter(f"{text!r} is no duration: write it like 90s, 15m or 12h")
    return int(match[1]) * _SECONDS[match[2]]


def pair(text: str) -> tuple[str, str]:
    """Name and value of `NAME=VALUE`. Raises click.BadParameter."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE")
    return name, value


@dataclass(frozen=True)
class PodOptions:
    """As they were given."""

    image: str | None
    postgres_major: int
    service_account: str | None
    service_account_annotation: tuple[tuple[str, str], ...]
    pod_label: tuple[tuple[str, str], ...]
    node_selector: tuple[tuple[str, str], ...]
    image_pull_secret: tuple[str, ...]
    resources: tuple[str, ...]
    run_as_user: str
    deadline: int

    @staticmethod
    def taken_from(given: dict[str, Any]) -> PodOptions:
        """Take these options out of all that were given."""
        return PodOptions(**{one.name: given.pop(one.name) for one in fields(PodOptions)})

    def wishes(
        self,
        *,
        patience: int,
        spool_bytes: int | None = None,
        may_patch: bool = False,
        node_selector: Mapping[str, str] | None = None,
    ) -> PodWishes:
        """As the workflow has them. Raises RequestError for what does not go together."""
        if self.service_account and self.service_account_annotation:
            raise RequestError(
                "--service-account and --service-account-annotation do not go together",
                hint="An existing service account is used as it is; annotations are for one that is made.",
            )
        amounts = {"cpu": CPU, "memory": MEMORY} | _amounts(self.resources)
        return PodWishes(
            image=self.image or f"docker.io/library/postgres:{self.postgres_major}",
            service_account=self.service_account,
            annotations=dict(self.service_account_annotation),
            labels=dict(self.pod_label),
            node_selector={**(node_selector or {}), **dict(self.node_selector)},
            pull_secrets=self.image_pull_secret,
            user=_user(self.run_as_user),
            deadline=self.deadline,
            cpu=amounts["cpu"],
            memory=amounts["memory"],
            patience=patience,
            spool_bytes=spool_bytes,
            may_patch=may_patch,
        )


def pod_options() -> Sequence[Option]:
    """Those that every command of the group has."""
    return [
        click.option(
            "--image",
            metavar="IMAGE",
            help="What the pod runs: an image with sh and PostgreSQL's client programs, with or without this tool.",
        ),
        click.option(
            "--postgres-major",
            metavar="N",
            type=click.IntRange(12, 99),
            default=DEFAULT_MAJOR,
            show_default=True,
            help="Without --image: the official postgres image of this version, which must not be below the server's.",
        ),
        click.option("--service-account", metavar="NAME", help="An existing one, used as it is; none is made then."),
        click.option(
            "--service-account-annotation",
            metavar="NAME=VALUE",
            type=pair,
            multiple=True,
            help="For the service account that is made, like eks.amazonaws.com/role-arn=ARN.",
        ),
        click.option(
            "--pod-label",
            metavar="NAME=VALUE",
            type=pair,
            multiple=True,
            help="For the pod, like azure.workload.identity/use=true, or one that a network policy lets through.",
        ),
        click.option(
            "--node-selector", metavar="NAME=VALUE", type=pair, multiple=True, help="Label that the node must have."
        ),
        click.option("--image-pull-secret", metavar="NAME", multiple=True, help="Secret with a login to the registry."),
        click.option(
            "--resources",
            metavar="KIND=REQUEST/LIMIT",
            multiple=True,
            help="cpu or memory; without more, cpu=250m/2 and memory=256Mi/1Gi.",
        ),
        click.option(
            "--run-as-user",
            metavar="UID",
            default=str(USER),
            show_default=True,
            help="User of the pod; `cluster` lets the cluster choose, as OpenShift wants it.",
        ),
        click.option(
            "--deadline",
            metavar="DURATION",
            type=duration,
            default="12h",
            show_default=True,
            help="The cluster ends the pod after so long, whatever happens.",
        ),
    ]


def life_options() -> Sequence[Option]:
    """How a pod that is made and used at once is treated."""
    return [
        click.option(
            "--tool",
            metavar="FILE",
            shell_complete=candidates.files,
            help="This tool as a single file for Linux, to be brought into the pod; else itself.",
        ),
        click.option(
            "--spool",
            metavar="SIZE",
            type=size,
            help="Keep the whole backup on the pod's disk first, which may be so large; else it streams.",
        ),
        click.option("--keep", is_flag=True, help="Leave all objects there at the end, and say how to remove them."),
        click.option(
            "--pod", metavar="NAME", help="Use this pod, made from `jump-pod manifest`; make and remove nothing."
        ),
        click.option(
            "--ready-within",
            metavar="DURATION",
            type=duration,
            default="5m",
            show_default=True,
            help="How long to wait for the pod.",
        ),
        click.option(
            "--reconnect-for",
            metavar="DURATION",
            type=duration,
            default="10m",
            show_default=True,
            help="How long to go on without a connection into the pod.",
        ),
    ]


def parameters(options: Sequence[Option]) -> list[click.Parameter]:
    """The options as click has them, in their order."""

    def holder() -> None: ...

    for option in options:
        option(holder)
    found: list[click.Parameter] = getattr(holder, "__click_params__", [])
    return found


def _user(text: str) -> int | None:
    if text == "cluster":
        return None
    if not text.isdigit() or text == "0":
        raise RequestError(f"--run-as-user {text}: a number above 0, or `cluster`")
    return int(text)


_QUANTITY = re.compile(r"\d+(\.\d+)?(m|[kMGT]i?|Ki)?\Z")


def _amounts(texts: Sequence[str]) -> dict[str, Amount]:
    amounts = {}
    for text in texts:
        kind, _, value = text.partition("=")
        request, _, limit = value.partition("/")
        limit = limit or request
        if kind not in ("cpu", "memory") or not (_QUANTITY.match(request) and _QUANTITY.match(limit)):
            raise RequestError(
                f"--resources {text} is not understood", hint="Write cpu=250m/2 or memory=256Mi/1Gi: request/limit."
            )
        amounts[kind] = Amount(request, limit)
    return amounts
