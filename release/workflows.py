"""The workflows of GitHub: valid, with the least rights, and calling targets and files that there are."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from gotools import go_tool
from release.trouble import Wrong
from servers import ServerUnavailable


def check(project: Path) -> str:
    """actionlint (types, expressions, contexts, shell-independent mistakes), and what it does not know of."""
    files = sorted((project / ".github/workflows").glob("*.yml"))
    for file in files:
        check_file(project, file)
    try:
        lint = subprocess.run([go_tool("actionlint"), *files], capture_output=True, text=True, check=False)
    except ServerUnavailable as reason:
        return f"{len(files)} files; actionlint NOT RUN: {reason}"
    if lint.returncode:
        raise Wrong(lint.stdout)
    return f"{len(files)} files, actionlint agrees"


def check_file(project: Path, file: Path) -> None:
    """Rights, pins, targets."""
    workflow: dict[str, Any] = yaml.safe_load(file.read_text())
    if workflow.get("permissions") != {"contents": "read"}:
        raise Wrong(f"{file.name}: what a job may do beyond reading, it says by itself")
    text = file.read_text()
    for action in re.findall(r"uses: (\S+)", text):
        if not action.startswith("./") and not re.search(r"@(v\d+(\.\d+)*|release/v\d+|[0-9a-f]{40})$", action):
            raise Wrong(f"{file.name}: {action} is not pinned")
    targets = set(re.findall(r"^([a-z][a-z-]*):", (project / "Makefile").read_text(), re.MULTILINE))
    called = {word for words in re.findall(r"\bmake ((?:[a-z-]+ ?)+)$", text, re.MULTILINE) for word in words.split()}
    if unknown := called - targets:
        raise Wrong(f"{file.name}: no targets of the Makefile: {sorted(unknown)}")
    missing = [name for name in re.findall(r"python (\S+/\S+\.py)", text) if not (project / name).exists()]
    modules = [f"{name.replace('.', '/')}.py" for name in re.findall(r"python -m (release\.\w+)", text)]
    missing += [name for name in modules if not (project / name).exists()]
    if missing:
        raise Wrong(f"{file.name}: no such files: {missing}")
