"""`jump-pod`: backup and restore by a pod beside the environment, for whoever reaches only the Kubernetes API.

The phases are the methods of `JumpPod`, in the order in which they run; the last one runs however the others end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from mxpc.courier.agreement import Errand
from mxpc.courier.endpoint import Pace
from mxpc.courier.line import Patience
from mxpc.errors import Interrupted, KubernetesError
from mxpc.ports import ArchiveInput, ArchiveSink, Cluster, Manifest, PodShell, RunRegister
from mxpc.progress import Progress
from mxpc.workflows.pod_leftovers import remove, remove_leftovers
from mxpc.workflows.pod_objects import PodWishes, Rights, owned, pod_objects
from mxpc.workflows.pod_ready import check_running, wait_until_ready
from mxpc.workflows.pod_tool import Bringer, BroughtFile, bring_tool
from mxpc.workflows.pod_work import Carried, PodWork
from mxpc.workflows.verify import read_archive

READY_MARGIN = 900
"""Seconds that are added to what a maker waits for its pod, before others take the pod for nobody's: clocks differ."""


@dataclass(frozen=True)
class PodRequest:
    """What is to be done and how. Durations in seconds."""

    run: str
    rights: Rights
    wishes: PodWishes
    errand: Errand
    tool: BroughtFile | None = None
    """None: the image has it."""
    files: Sequence[BroughtFile] = ()
    """What the tool's arguments name besides the archive."""
    keep: bool = False
    pod: str | None = None
    """A pod that somebody made from the manifest: nothing is made and nothing removed."""
    ready_seconds: float = 300.0
    patience: Patience = field(default_factory=Patience)
    pace: Pace = field(default_factory=Pace)

    @property
    def pod_name(self) -> str:
        """The pod that the errand runs in."""
        return self.pod or f"mxpc-jump-pod-{self.run}"


class JumpPod:
    """One errand in a pod of its own. One thread calls it."""

    def __init__(
        self,
        request: PodRequest,
        cluster: Cluster,
        shell: PodShell,
        register: RunRegister,
        progress: Progress,
        hear: Callable[[str], None],
    ) -> None:
        """`hear` is told each line that the tool in the pod says."""
        self._request = request
        self._cluster = cluster
        self._shell = shell
        self._register = register
        self._progress = progress
        self._hear = hear

    def back_up(self, open_sink: Callable[[], ArchiveSink]) -> Carried:
        """Raises ToolError; a backup that the pod's tool could not make is no error here, but a code in the result."""
        return self._run(lambda work: work.fetch(open_sink))

    def restore(self, archive: ArchiveInput | None) -> Carried:
        """As `back_up`. A file is read whole and checked before anything is made. Raises HalfwayError when the pod is
        lost while the restore runs."""
        if archive and archive.repeatable:
            read_archive(archive, self._progress)
        return self._run(lambda work: work.feed(archive))

    def _run(self, do: Callable[[PodWork], Carried]) -> Carried:
        if self._request.pod:
            return do(self._begin())
        remove_leftovers(self._cluster, self._register, self._progress)
        with self._register.alive(self._request.run):
            try:
                self._create()
                wait_until_ready(
                    self._cluster, self._request.pod_name, self._progress, seconds=self._request.ready_seconds
                )
                carried = do(self._begin())
            except BaseException:
                self._remove_surely()
                raise
            with suppress(Interrupted):  # too late: the work is done, and its exit code is the truth
                self._remove_surely()
            return carried

    # ---------------------------------------------------------------------------------------------------------- phases

    def _create(self) -> None:
        """The first object owns the others: when it goes, they all go."""
        owner = None
        for manifest in self._objects():
            made = self._cluster.create(owned(manifest, owner) if owner else manifest)
            owner = owner or {**manifest, **made}
            self._progress.noted(f"made {manifest['kind']} {manifest['metadata']['name']}")

    def _begin(self) -> PodWork:
        """Bring what is needed, and let the pod's main process become the tool."""
        name = self._request.pod_name
        check_running(name, self._cluster.get("Pod", name))
        program = bring_tool(self._shell, self._request.tool, self._progress, self._check)
        bringer = Bringer(self._shell, self._progress, self._check)
        for file in (*self._request.files, BroughtFile("program", program.encode())):
            bringer.bring(file)
        return PodWork(
            self._request.run,
            self._request.errand,
            lambda: self._shell.open([program, "jump-pod", "attach"]),
            self._check,
            hear=self._hear,
            progress=self._progress,
            patience=self._request.patience,
            pace=self._request.pace,
        )

    def _remove_surely(self) -> None:
        try:
            self._remove()
        except Interrupted:
            # It comes once: now nothing cuts this short any more.
            self._remove()
            raise

    def _remove(self) -> None:
        objects = [(one["kind"], one["metadata"]["name"]) for one in self._objects()]
        if self._request.keep:
            names = " ".join(f"{kind.lower()}/{name}" for kind, name in reversed(objects))
            self._progress.warned(
                f"kept: {names}; remove with: kubectl delete -n {self._request.rights.environment.namespace} {names}"
            )
            return
        remove(self._cluster, objects, self._progress)

    # ----------------------------------------------------------------------------------------------------------- parts

    def _objects(self) -> list[Manifest]:
        ready_before = int(time.time() + self._request.ready_seconds + READY_MARGIN)
        return pod_objects(
            self._request.run,
            self._request.rights,
            self._request.wishes,
            ready_before=ready_before,
            keep=self._request.keep,
        )

    def _check(self) -> None:
        """What a broken connection means: raises when none can come any more."""
        complaint = self._shell.complaint()
        if "orbidden" in complaint:
            raise KubernetesError(
                "commands may not be run in the pod",
                evidence=complaint,
                hint="the login needs the verbs get and create on pods/exec: docs/jump-pod.md has the role",
            )
        try:
            manifest = self._cluster.get("Pod", self._request.pod_name)
        except KubernetesError as error:
            # The API server is away, and so is every way into the pod: how long to wait for it is the line's business.
            self._progress.noted(f"{error.what}: trying again")
            return
        check_running(self._request.pod_name, manifest)
