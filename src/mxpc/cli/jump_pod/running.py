"""What `jump-pod backup` and `jump-pod restore` share: parsing, wiring, and the end of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mxpc.cli.jump_pod.options import PodOptions, life_options, parameters, pod_options
from mxpc.cli.jump_pod.pass_on import arguments, refuse_what_makes_no_sense
from mxpc.cli.options import Common
from mxpc.cli.session import Session
from mxpc.courier.agreement import Carries
from mxpc.errors import RequestError
from mxpc.model import Environment

if TYPE_CHECKING:
    from mxpc.workflows.jump_pod import JumpPod
    from mxpc.workflows.pod_work import Carried


@dataclass(frozen=True)
class Given:
    """What one invocation came to."""

    session: Session
    common: Common
    pod: PodOptions
    life: dict[str, Any]
    inner: dict[str, Any]
    """Options of the command in the pod."""
    words: tuple[str, ...]
    environment: Environment
    file: str | None

    @property
    def name(self) -> str:
        """What the archive is called in the pod: its own name, for the ending decides what is written."""
        plain = Path(self.file or "-").name
        return "backup" if plain in ("-", "", "..") else plain


def jump_pod_command(inner: click.Command, help: str, work: Callable[[Given], int]) -> click.Command:
    """A command with the options of `inner`, of the pod, and of its life."""

    @click.pass_context
    def callback(context: click.Context, /, **options: Any) -> int:
        return work(_given(context, inner, options))

    own = parameters([*pod_options(), *life_options()])
    # The environment's options first, then the pod's, then what the tool takes in the pod.
    first = [one for one in inner.params if one.name in ("namespace", "environment", "file")]
    rest = [one for one in inner.params if one not in first]
    return click.Command(
        inner.name, callback=callback, params=[*first, *own, *rest], help=help, short_help=inner.short_help
    )


def _given(context: click.Context, inner: click.Command, options: dict[str, Any]) -> Given:
    refuse_what_makes_no_sense(options)
    session: Session = context.obj
    session.as_json = options["output"] == "json"
    session.quiet, session.verbose = options["quiet"], options["verbose"]
    for value, option in ((options["namespace"], "-n NAMESPACE"), (options["environment"], "-e ENVIRONMENT")):
        if not value:
            raise RequestError(f"{option} is missing", hint="Name the environment: -n NAMESPACE -e ENVIRONMENT.")
    environment = Environment(options.pop("namespace"), options.pop("environment"))
    words = arguments(context, inner, (environment.namespace, environment.name))
    pod = PodOptions.taken_from(options)
    life = {str(one.name): options.pop(str(one.name)) for one in parameters(life_options())}
    common = Common(**{one.name: options.pop(one.name) for one in fields(Common)})
    return Given(session, common, pod, life, options, words, environment, options.pop("file"))


def run(given: Given, carries: Carries, do: Callable[[JumpPod], Carried], *, spool: int | None = None) -> int:
    """Wire everything, do it, show what came of it; the exit code."""
    from mxpc.cli.jump_pod.wiring import wired
    from mxpc.cli.progress import shown

    with shown(given.session) as progress, wired(given, carries, spool, progress) as (asked, pod):
        carried = do(pod)
    return _show(given, asked.pod_name, carried)


def _show(given: Given, pod: str, carried: Carried) -> int:
    from mxpc.cli import words

    session, ended = given.session, carried.ended
    if session.as_json and ended.result.strip():
        value = json.loads(ended.result)
        value["jump_pod"] = {"pod": pod, "connections_lost": carried.drops, "sha256": ended.sha256 or None}
        if value.get("file"):
            value["file"] = given.file
        session.console.result_json(value)
    elif not session.as_json:
        if ended.result.strip():
            session.console.result(ended.result.rstrip("\n"))
        if ended.code in (0, 7) and not session.quiet:
            lost = f", {words.count(carried.drops, 'lost connection')} made up for" if carried.drops else ""
            checked = "; every byte was checked on arrival" if carried.summary else ""
            session.console.result(f"{'through':<16}pod {pod}{lost}{checked}")
    return ended.code
