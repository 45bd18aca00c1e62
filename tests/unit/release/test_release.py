"""What the checks of a release let through, and what they stop."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from release import audit, krew, sums, versions, workflows
from release.sbom import document
from release.trouble import Wrong

ROOT = Path(__file__).parents[3]
URL = "https://example.com/owner/project/releases/download/v1"


def project(
    folder: Path, *, version: str = "1.2.3", chart: str = "1.2.3", title: str = "## 1.2.3 (2026-01-31)"
) -> Path:
    (folder / "src/mxpc").mkdir(parents=True)
    (folder / "src/mxpc/__init__.py").write_text(f'__version__ = "{version}"\n')
    (folder / "charts/mxpc-backup").mkdir(parents=True)
    (folder / "charts/mxpc-backup/Chart.yaml").write_text(f'version: {chart}\nappVersion: "{chart}"\n')
    (folder / "CHANGELOG.md").write_text(f"# Changelog\n\n{title}\n")
    return folder


def test_version_that_is_the_same_everywhere_passes(tmp_path: Path) -> None:
    assert versions.check(project(tmp_path), "v1.2.3") == "1.2.3, tag v1.2.3"


@pytest.mark.parametrize(
    ("changes", "tag", "said"),
    [
        ({"chart": "1.2.2"}, None, "Chart.yaml is 1.2.2"),
        ({"title": "## 1.2.2 (2026-01-31)"}, None, "no section 1.2.3"),
        ({}, "v1.2.4", "it must be v1.2.3"),
        ({"title": "## 1.2.3 (unreleased)"}, "v1.2.3", "says its day"),
    ],
)
def test_version_that_differs_is_named(tmp_path: Path, changes: dict[str, str], tag: str | None, said: str) -> None:
    with pytest.raises(Wrong, match=said):
        versions.check(project(tmp_path, **changes), tag)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("on: push\n", "what a job may do"),
        ("permissions: {contents: read}\njobs: {a: {steps: [\n{uses: actions/checkout@main}]}}\n", "is not pinned"),
        ("permissions: {contents: read}\njobs:\n  a:\n    run: make no-such\n", "no targets"),
        ("permissions: {contents: read}\njobs:\n  a:\n    run: python none/such.py\n", "no such files"),
    ],
)
def test_workflow_with_a_mistake_is_stopped(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "ci.yml"
    file.write_text(text)
    with pytest.raises(Wrong, match=said):
        workflows.check_file(ROOT, file)


def package(name: str, **more: object) -> dict[str, object]:
    return {"name": name, "version": "1", **more}


def test_known_vulnerability_ends_the_check_and_names_its_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    hole = {"id": "CVE-1", "fix_versions": ["2"]}
    assert audit.judge([package("bad", vulns=[hole]), package("good", vulns=[])]) == 1
    assert "bad 1: CVE-1, mended in 2" in capsys.readouterr().err


def test_what_could_not_be_asked_for_is_said_and_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.judge([package("one", skip_reason="no service")]) == 0
    assert "NOT CHECKED for vulnerabilities: the service could not be asked (no service)" in capsys.readouterr().err
    assert audit.judge([package("one", skip_reason="?"), package("two", vulns=[])]) == 0
    assert "NOT CHECKED for vulnerabilities: one" in capsys.readouterr().err


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Archives as the build of the single-file programs leaves them."""
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    with tarfile.open(tmp_path / f"{krew.NAME}-linux.tar.bz2", "w:bz2") as tar:
        tar.add(program, f"{krew.NAME}-linux")
    with zipfile.ZipFile(tmp_path / f"{krew.NAME}-windows.zip", "w") as packed:
        packed.write(program, f"{krew.NAME}-windows.exe")
    program.unlink()
    return tmp_path


def test_plugin_manifest_names_each_archive_with_its_checksum(programs: Path) -> None:
    plugin = yaml.safe_load(krew.main(URL, programs).read_text())
    platforms = {one["selector"]["matchLabels"]["os"]: one for one in plugin["spec"]["platforms"]}
    assert set(platforms) == {"linux", "windows"}
    for platform in platforms.values():
        archive = programs / platform["uri"].removeprefix(f"{URL}/")
        assert platform["sha256"] == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert platforms["windows"]["bin"] == "kubectl-mxpc.exe"
    assert plugin["spec"]["homepage"] == "https://example.com/owner/project"


def test_plugin_is_executable_and_the_same_bytes_each_time(programs: Path) -> None:
    krew.main(URL, programs)
    archive = programs / "kubectl-mxpc-linux-amd64.tar.gz"
    before = archive.read_bytes()
    with tarfile.open(archive) as tar:
        assert tar.getmember("kubectl-mxpc").mode == 0o755
        assert tar.getnames() == ["kubectl-mxpc", "LICENSE"]
    krew.main(URL, programs)
    assert archive.read_bytes() == before


def test_checksums_are_what_sha256sum_reads(programs: Path) -> None:
    sums.main(programs)
    checked = subprocess.run(["sha256sum", "--check", sums.NAME], cwd=programs, capture_output=True, check=False)
    assert checked.returncode == 0
    sums.main(programs)
    assert "SHA256SUMS" not in (programs / sums.NAME).read_text()


def test_bill_of_materials_has_every_package_with_version_hashes_and_licence() -> None:
    parts = {one["name"]: one for one in document()["components"]}
    assert {"click", "psycopg", "obstore", "lightkube", "tzdata"} <= set(parts)
    assert not {"pytest", "hatchling"} & set(parts)
    for part in parts.values():
        assert part["purl"] == f"pkg:pypi/{part['name']}@{part['version']}"
        assert part["licenses"][0]["expression"]
        assert part["externalReferences"]
