"""`jump-pod cronjob`."""

from __future__ import annotations

from typing import Any

import click

from mxpc.cli import candidates
from mxpc.cli.backup import command as backup
from mxpc.cli.jump_pod.options import PodOptions, parameters, pod_options
from mxpc.cli.jump_pod.pass_on import arguments
from mxpc.cli.options import Common, common_options, environment_options
from mxpc.cli.session import Session
from mxpc.errors import RequestError

COMMENT = """\
A backup of {environment} into the volume {claim}, by the schedule "{schedule}". It may read that environment's objects
and nothing else. The volume claim must exist; the image must have this tool and PostgreSQL's client programs.

  kubectl apply -f THIS_FILE
  kubectl create job -n {namespace} --from=cronjob/{name} backup-now
"""

_PASSED_ON = ("only", "which_files", "transfers", "buffer", "compression_level", "meant_for", "strict")
"""Options of `backup` that make sense every night."""


def _command(session: Session, common: Common, **given: Any) -> int:
    """Print the objects of a nightly backup into a volume as YAML.

    Each backup is read back and checked before older ones are removed. A job that still runs keeps the next one from
    beginning.
    """
    from mxpc.cli.jump_pod.manifests import put_out, rights_of
    from mxpc.cli.progress import shown
    from mxpc.workflows.pod_nightly import Nightly, nightly_objects

    namespace, environment = given["namespace"], given["environment"]
    if not given["image"]:
        raise RequestError(
            "--image is missing", hint="Name an image that has this tool: at night nobody is there to bring it along."
        )
    with shown(session) as progress:
        rights = rights_of(common, namespace, environment, progress)
    nightly = Nightly(
        schedule=given["schedule"],
        claim=given["claim"],
        retain=given["retain"],
        history=given["history"],
        time_zone=given["time_zone"],
        ending=".backup" if given["only"] == "database" else ".tar.gz",
    )
    words = arguments(click.get_current_context(), backup, (namespace, environment), only=_PASSED_ON)
    wishes = PodOptions.taken_from(given).wishes(patience=0)
    objects = nightly_objects(rights, wishes, nightly, words)
    comment = COMMENT.format(
        environment=environment,
        namespace=namespace,
        claim=nightly.claim,
        schedule=nightly.schedule,
        name=objects[-1]["metadata"]["name"],
    )
    return put_out(session, given["file"], objects, comment)


def _options() -> click.Command:
    made = click.command("cronjob", short_help="Print a nightly backup's objects.")(
        common_options()(environment_options(_command))
    )
    own = [
        click.option(
            "-f",
            "--file",
            metavar="FILE",
            default="-",
            show_default=True,
            help="Where the YAML goes.",
            shell_complete=candidates.files,
        ),
        click.option("--claim", metavar="NAME", required=True, help="The PersistentVolumeClaim for the backups."),
        click.option(
            "--schedule", metavar="CRON", default="30 2 * * *", show_default=True, help="When, as cron writes it."
        ),
        click.option("--time-zone", metavar="NAME", help="Of the schedule, like Europe/Amsterdam; else the cluster's."),
        click.option(
            "--retain",
            metavar="N",
            type=click.IntRange(1, 10_000),
            default=14,
            show_default=True,
            help="So many backups stay in the volume.",
        ),
        click.option(
            "--history",
            metavar="N",
            type=click.IntRange(0, 100),
            default=3,
            show_default=True,
            help="So many finished jobs stay to be looked at.",
        ),
    ]
    passed_on = [one for one in backup.params if one.name in _PASSED_ON]
    made.params[2:2] = [*parameters([*own, *pod_options()]), *passed_on]
    return made


command = _options()
