"""The nouns: frozen values without I/O. Sizes are bytes, durations seconds, moments UTC. No secret shows in a repr."""

from mxpc.model.archive import (
    ArchiveKind,
    ArchiveSummary,
    DumpEntry,
    DumpFacts,
    KeptObjects,
    encrypted_files,
)
from mxpc.model.content import (
    BlobStat,
    DatabaseFacts,
    FileDocument,
    FileTotals,
    LossKind,
    MissingBlob,
    OpenedBlob,
    Probe,
    WrongSize,
)
from mxpc.model.names import (
    BLOB_NAME,
    KeyLayout,
    KeyPattern,
    short_name,
)
from mxpc.model.restore import (
    Finding,
    Half,
    InterruptedRestore,
    Severity,
    TargetFacts,
)
from mxpc.model.scale import (
    AppScale,
    Replicas,
)
from mxpc.model.settings import (
    AppFacts,
    AzureSettings,
    DatabaseSettings,
    Environment,
    EnvironmentSettings,
    GoogleSettings,
    Login,
    S3Settings,
    StoreSettings,
    TlsMode,
)

__all__ = [
    "BLOB_NAME",
    "AppFacts",
    "AppScale",
    "ArchiveKind",
    "ArchiveSummary",
    "AzureSettings",
    "BlobStat",
    "DatabaseFacts",
    "DatabaseSettings",
    "DumpEntry",
    "DumpFacts",
    "Environment",
    "EnvironmentSettings",
    "FileDocument",
    "FileTotals",
    "Finding",
    "GoogleSettings",
    "Half",
    "InterruptedRestore",
    "KeptObjects",
    "KeyLayout",
    "KeyPattern",
    "Login",
    "LossKind",
    "MissingBlob",
    "OpenedBlob",
    "Probe",
    "Replicas",
    "S3Settings",
    "Severity",
    "StoreSettings",
    "TargetFacts",
    "TlsMode",
    "WrongSize",
    "encrypted_files",
    "short_name",
]
