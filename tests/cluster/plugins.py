"""A login program, as kubeconfigs of the big clouds have one."""

from __future__ import annotations

import json
import sys
from pathlib import Path

_PROGRAM = """\
#!{python}
import json, os
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
with open({answers!r}, "r+") as file:
    answer, *others = json.load(file)
    file.seek(0)
    file.truncate()
    json.dump(others or [answer], file)
print(json.dumps({{"kind": "ExecCredential", "apiVersion": info["apiVersion"], "status": answer}}))
"""


def plugin_user(folder: Path, version: str, *answers: dict[str, str]) -> dict[str, object]:
    """The user of a kubeconfig with a login program that answers these one after the other, and the last ever after."""
    (folder / "answers").write_text(json.dumps(answers))
    program = folder / "login"
    program.write_text(_PROGRAM.format(python=sys.executable, answers=str(folder / "answers")))
    program.chmod(0o700)
    group = f"client.authentication.k8s.io/{version}"
    return {"exec": {"apiVersion": group, "command": str(program), "interactiveMode": "Never"}}
