"""From endpoint and bucket name to server, bucket, folder and region."""

from __future__ import annotations

import pytest

from mxpc.adapters.endpoint import bucket_address, layouts
from mxpc.errors import RequestError

AWS = "amazonaws.com"
VPCE = f"vpce-1a2b3c4d-5e6f.s3.eu-west-1.vpce.{AWS}"


@pytest.mark.parametrize(
    ("endpoint", "name", "server", "bucket", "folder"),
    [
        # a bare server: storage-bucket-name is the bucket
        ("http://minio:9000", "b", "http://minio:9000", "b", ""),
        ("minio.example.com", "b", "https://minio.example.com", "b", ""),
        ("minio:9000", "b", "https://minio:9000", "b", ""),
        ("http://minio:9000/", "b", "http://minio:9000", "b", ""),
        ("http://minio:9000//", "/b/", "http://minio:9000", "b", ""),
        ("HTTP://MinIO:9000", "B", "http://minio:9000", "B", ""),
        ("http://minio:9000", "b/sub/dir", "http://minio:9000", "b", "sub/dir"),
        ("http://[2001:db8::1]:9000", "b", "http://[2001:db8::1]:9000", "b", ""),
        ("https://[::1]", "b", "https://[::1]", "b", ""),
        ("https://10.0.0.1:443", "b", "https://10.0.0.1:443", "b", ""),
        ("https://s3.example.com", "b", "https://s3.example.com", "b", ""),
        # a bucket in the path: storage-bucket-name is the folder
        ("https://storage.googleapis.com/b", "dir", "https://storage.googleapis.com", "b", "dir"),
        ("https://ceph:9000/b", "dir", "https://ceph:9000", "b", "dir"),
        ("https://ceph:9000/b/", "dir/", "https://ceph:9000", "b", "dir"),
        ("ceph:9000/b", "dir", "https://ceph:9000", "b", "dir"),
        ("https://ceph:9000/b", None, "https://ceph:9000", "b", ""),
        ("https://ceph:9000/b/sub", "dir", "https://ceph:9000", "b", "sub/dir"),
        ("https://ceph/b%20c", "dir", "https://ceph", "b c", "dir"),
        (f"https://s3.eu-west-1.{AWS}/b", "dir", f"https://s3.eu-west-1.{AWS}", "b", "dir"),
        # a bucket in the host name: storage-bucket-name is the folder
        ("https://b.storage.googleapis.com", "dir", "https://storage.googleapis.com", "b", "dir"),
        (f"https://b.s3.eu-west-1.{AWS}", "dir", f"https://s3.eu-west-1.{AWS}", "b", "dir"),
        (f"b.s3.eu-west-1.{AWS}", "dir", f"https://s3.eu-west-1.{AWS}", "b", "dir"),
        (f"https://b.s3.eu-west-1.{AWS}/", None, f"https://s3.eu-west-1.{AWS}", "b", ""),
        (f"https://b.s3.eu-west-1.{AWS}:443/sub/", "dir", f"https://s3.eu-west-1.{AWS}:443", "b", "sub/dir"),
    ],
)
def test_path_of_endpoint_and_name_starts_with_the_bucket(
    endpoint: str, name: str | None, server: str, bucket: str, folder: str
) -> None:
    address = bucket_address(endpoint, name, "Secret s")
    assert (address.endpoint, address.bucket, address.folder) == (server, bucket, folder)


@pytest.mark.parametrize(
    ("host", "bucket", "server", "region", "virtual_host"),
    [
        (f"s3.{AWS}", None, f"s3.{AWS}", "us-east-1", False),
        (f"s3.eu-west-1.{AWS}", None, f"s3.eu-west-1.{AWS}", "eu-west-1", False),
        (f"s3-eu-west-1.{AWS}", None, f"s3-eu-west-1.{AWS}", "eu-west-1", False),
        (f"s3.dualstack.eu-west-1.{AWS}", None, f"s3.dualstack.eu-west-1.{AWS}", "eu-west-1", False),
        (f"s3-fips.us-gov-west-1.{AWS}", None, f"s3-fips.us-gov-west-1.{AWS}", "us-gov-west-1", False),
        (f"s3.cn-north-1.{AWS}.cn", None, f"s3.cn-north-1.{AWS}.cn", "cn-north-1", False),
        (f"s3-external-1.{AWS}", None, f"s3-external-1.{AWS}", "us-east-1", False),
        (f"bkt.s3.{AWS}", "bkt", f"s3.{AWS}", "us-east-1", True),
        (f"b-1.s3.eu-central-1.{AWS}", "b-1", f"s3.eu-central-1.{AWS}", "eu-central-1", True),
        (f"bkt.s3-ap-southeast-2.{AWS}", "bkt", f"s3-ap-southeast-2.{AWS}", "ap-southeast-2", True),
        (f"bkt.s3.dualstack.eu-west-1.{AWS}", "bkt", f"s3.dualstack.eu-west-1.{AWS}", "eu-west-1", True),
        (f"bkt.s3-fips.dualstack.us-east-2.{AWS}", "bkt", f"s3-fips.dualstack.us-east-2.{AWS}", "us-east-2", True),
        (f"bkt.s3-accelerate.{AWS}", "bkt", f"s3-accelerate.{AWS}", "us-east-1", True),
        (f"bkt.s3-accelerate.dualstack.{AWS}", "bkt", f"s3-accelerate.dualstack.{AWS}", "us-east-1", True),
        (f"bkt.s3.cn-northwest-1.{AWS}.cn", "bkt", f"s3.cn-northwest-1.{AWS}.cn", "cn-northwest-1", True),
        (f"bucket.{VPCE}", None, f"bucket.{VPCE}", "eu-west-1", False),
        (f"bkt.bucket.{VPCE}", "bkt", f"bucket.{VPCE}", "eu-west-1", True),
        (f"ap-123.s3-accesspoint.eu-west-1.{AWS}", "ap-123", f"s3-accesspoint.eu-west-1.{AWS}", "eu-west-1", True),
        # no wildcard certificate covers these as host names
        (f"my.bucket.s3.eu-west-1.{AWS}", "my.bucket", f"s3.eu-west-1.{AWS}", "eu-west-1", False),
        (f"my.s3.app.s3.eu-west-1.{AWS}", "my.s3.app", f"s3.eu-west-1.{AWS}", "eu-west-1", False),
        ("minio.example.com", None, "minio.example.com", "us-east-1", False),
        ("s3.eu-west-1.example.com", None, "s3.eu-west-1.example.com", "us-east-1", False),
        (f"s3.eu-west-1.{AWS}.example.com", None, f"s3.eu-west-1.{AWS}.example.com", "us-east-1", False),
    ],
)
def test_host_name_gives_bucket_region_and_addressing(
    host: str, bucket: str | None, server: str, region: str, virtual_host: bool
) -> None:
    address = bucket_address(f"https://{host}", "name", "Secret s")
    assert address.bucket == (bucket or "name")
    assert address.folder == ("name" if bucket else "")
    assert (address.endpoint, address.region, address.virtual_host) == (f"https://{server}", region, virtual_host)


def test_bare_accelerated_server_is_addressed_by_host_name() -> None:
    assert bucket_address(f"https://s3-accelerate.{AWS}", "bkt", "s").virtual_host


@pytest.mark.parametrize("name", [None, "", "/"])
def test_bare_server_without_a_bucket_name_is_refused(name: str | None) -> None:
    with pytest.raises(RequestError, match="storage-bucket-name is missing or empty in Secret s"):
        bucket_address("http://minio:9000", name, "Secret s")


@pytest.mark.parametrize(
    "endpoint", ["https://k:hush@minio:9000", "ftp://minio", "https://", "https://h:x", "http://[::1", "//"]
)
def test_what_is_no_server_is_refused_without_being_quoted(endpoint: str) -> None:
    with pytest.raises(RequestError, match="storage-endpoint in Secret s") as refused:
        bucket_address(endpoint, "b", "Secret s")
    assert "hush" not in f"{refused.value} {refused.value.evidence} {refused.value.hint}"


def test_rule_says_what_gave_the_bucket() -> None:
    rules = [
        bucket_address(endpoint, "dir", "s").rule
        for endpoint in ("http://minio", "http://ceph/bkt", f"https://bkt.s3.eu-west-1.{AWS}")
    ]
    assert rules == ["storage-bucket-name", "the endpoint's path", "the endpoint's host name"]


def test_other_layouts_come_once_each_and_after_the_one_of_the_rules() -> None:
    assert [str(layout) for layout in layouts("dir", "dir", "", "")] == [
        "dir/<uuid>", "<uuid>", "dir/xx/yy/<uuid>", "xx/yy/<uuid>",
    ]  # fmt: skip
    assert [str(layout) for layout in layouts("", "bkt", "", "")] == [
        "<uuid>", "bkt/<uuid>", "xx/yy/<uuid>", "bkt/xx/yy/<uuid>",
    ]  # fmt: skip
    assert [str(layout) for layout in layouts("", None, "", "")] == ["<uuid>", "xx/yy/<uuid>"]


def test_resource_name_prefix_and_suffix_are_around_the_uuid() -> None:
    first = layouts("dir", "dir", "pre-", ".bin")[0]
    assert str(first) == "dir/pre-<uuid>.bin"
