"""The store that speaks the language of the settings."""

from __future__ import annotations

from mxpc.model import AzureSettings, GoogleSettings, S3Settings, StoreSettings
from mxpc.ports import FileStore
from mxpc.streams import Concurrency


def file_store(settings: StoreSettings, *, concurrency: Concurrency | None = None) -> FileStore:
    """Connects with the first request, not before. Raises RequestError when the settings cannot be used."""
    match settings:
        case S3Settings():
            from mxpc.adapters.s3 import S3FileStore

            return S3FileStore(settings, concurrency=concurrency)
        case AzureSettings():
            from mxpc.adapters.azure import AzureFileStore

            return AzureFileStore(settings, concurrency=concurrency)
        case GoogleSettings():
            from mxpc.adapters.google import GoogleFileStore

            return GoogleFileStore(settings, concurrency=concurrency)
