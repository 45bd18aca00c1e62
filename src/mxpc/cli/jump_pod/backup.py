"""`jump-pod backup`."""

from __future__ import annotations

from mxpc.cli.backup import command as inner
from mxpc.cli.jump_pod.running import Given, jump_pod_command, run

HELP = """Write a backup into a file here, made in a pod beside the environment.

All options of `backup` go on to the tool in the pod. The backup streams out of the pod in checksummed chunks, and a
connection that breaks is made up for; with --spool it lies on the pod's disk first, so that a slow line does not keep
the database's snapshot open.
"""


def _work(given: Given) -> int:
    from mxpc.adapters.archive_files import check_destination, open_destination
    from mxpc.courier.agreement import Carries

    file = given.file
    assert file
    if file == "-":
        given.session.results_to_stderr()
    check_destination(file)
    return run(given, Carries.OUT, lambda pod: pod.back_up(lambda: open_destination(file)), spool=given.life["spool"])


command = jump_pod_command(inner, HELP, _work)
