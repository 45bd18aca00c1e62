"""What a shell offers for the values of options. Imported by every command, so all that is heavy is imported late."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from mxpc.adapters.kubernetes_names import KubernetesNames

SECONDS = 1.5
"""A person waits with a finger on the key; what the program needs to start comes on top."""

Complete = Callable[[click.Context, click.Parameter, str], "list[CompletionItem] | list[str]"]


def files(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The shell's own completion of files."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def folders(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The shell's own completion of folders."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="dir")]


def namespaces(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Those of the cluster, where the login may list them."""
    return _in_time(context, lambda names: names.namespaces(), incomplete)


def environments(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Those of the namespace that was typed before, where the login may list them."""
    namespace = context.params.get("namespace")
    return _in_time(context, lambda names: names.environments(namespace), incomplete) if namespace else []


def _in_time(context: click.Context, ask: Callable[[KubernetesNames], list[str]], incomplete: str) -> list[str]:
    """Nothing for whatever goes wrong or takes too long: no suggestion is better than an error in a prompt."""
    if context.params.get("credentials_dir"):
        return []
    found: list[str] = []
    thread = threading.Thread(target=_ask, args=(context, ask, found), daemon=True)
    thread.start()
    thread.join(SECONDS)
    return [name for name in list(found) if name.startswith(incomplete)]


def _ask(context: click.Context, ask: Callable[[KubernetesNames], list[str]], found: list[str]) -> None:
    try:
        from mxpc.adapters.kubernetes_names import KubernetesNames

        names = KubernetesNames(
            kubeconfig=context.params.get("kubeconfig"), context=context.params.get("context"), env=os.environ
        )
        found += ask(names)
    except Exception:  # noqa: S110 - nobody could be told
        pass
