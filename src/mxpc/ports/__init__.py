"""What the workflows need from the outside world, in their own words.

Every method may raise the `ServiceError` of its port when the service fails for good: adapters retry by themselves.
All ports may be used from several threads unless their docstring says otherwise.
"""

from mxpc.ports.archives import ArchiveInput, ArchiveSink, ByteReader, ObjectsSink
from mxpc.ports.cluster import Cluster, Connection, Life, Manifest, PodShell, RunRegister, ShellResult
from mxpc.ports.database import Snapshot, SourceDatabase, Stopping, TargetDatabase
from mxpc.ports.environment import AppControl, EnvironmentSource
from mxpc.ports.files import FileStore

__all__ = [
    "AppControl",
    "ArchiveInput",
    "ArchiveSink",
    "ByteReader",
    "Cluster",
    "Connection",
    "EnvironmentSource",
    "FileStore",
    "Life",
    "Manifest",
    "ObjectsSink",
    "PodShell",
    "RunRegister",
    "ShellResult",
    "Snapshot",
    "SourceDatabase",
    "Stopping",
    "TargetDatabase",
]
