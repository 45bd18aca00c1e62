"""`jump-pod manifest`."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import click

from mxpc.cli import candidates
from mxpc.cli.jump_pod.options import PodOptions, duration, parameters, pod_options
from mxpc.cli.options import Common, common_options, environment_options, size
from mxpc.cli.session import Session

COMMENT = """\
A pod for one backup or restore of {environment}, and what it needs. It may read that environment's objects and nothing
else, and ends by itself when nobody connects for {patience} seconds.

  kubectl apply -f THIS_FILE
  mxpc-backup-restore-cli jump-pod backup -n {namespace} -e {environment} -f backup.tar.gz --pod {pod}
  kubectl delete -f THIS_FILE
"""


def _command(
    session: Session, common: Common, *, namespace: str | None, environment: str | None, file: str, **given: Any
) -> int:
    """Print the objects of a jump pod as YAML, for those who apply them by themselves or through GitOps.

    `jump-pod backup --pod NAME` and `restore --pod NAME` use the pod then; they need no right but to run commands in
    it. A pod serves once.
    """
    from mxpc.cli.jump_pod.manifests import put_out, rights_of
    from mxpc.cli.progress import shown
    from mxpc.workflows.pod_objects import pod_objects

    options, spool, patience = PodOptions.taken_from(given), given["spool"], given["wait_for"]
    with shown(session) as progress:
        rights = rights_of(common, namespace, environment, progress)
    # The same for the same environment, so that a repository sees no change where there is none.
    run = sha256(f"{namespace}/{environment}".encode()).hexdigest()[:8]
    objects = pod_objects(run, rights, options.wishes(patience=patience, spool_bytes=spool))
    comment = COMMENT.format(
        namespace=namespace, environment=environment, pod=objects[-1]["metadata"]["name"], patience=patience
    )
    return put_out(session, file, objects, comment)


def _options() -> click.Command:
    made = click.command("manifest", short_help="Print a jump pod's objects.")(
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
        click.option(
            "--spool", metavar="SIZE", type=size, help="Room for a whole backup on the pod's disk, for `--spool` later."
        ),
        click.option(
            "--wait-for",
            metavar="DURATION",
            type=duration,
            default="1h",
            show_default=True,
            help="How long the pod waits for a connection before it ends by itself.",
        ),
    ]
    made.params[2:2] = parameters([*own, *pod_options()])
    return made


command = _options()
