"""A backup and a restore where there is nothing: no Python, no libpq, an unknown user, a read-only root."""

from __future__ import annotations

import shutil
from pathlib import Path

import trustme

from e2e.environment import NAMESPACE, LiveEnvironment
from mxpc.demo.kubernetes_api import KubernetesApi
from mxpc.demo.postgres import IN_A_HURRY, PostgresServer
from mxpc.demo.s3 import S3Server
from servers import postgres_bin, tls_settings
from single_file.roots import Root

BACKUP = "/tmp/backup.tar.gz"


def put(root: Root, source: Path, name: str) -> str:
    """Copy a file to where the bare system's user reads it; its path there."""
    shutil.copyfile(source, root.temporary / name)
    (root.temporary / name).chmod(0o644)
    return f"/tmp/{name}"


def test_environment_is_backed_up_and_restored(root: Root, full_program: Path, environment: LiveEnvironment) -> None:
    kubeconfig = put(root, environment.kubernetes.kubeconfig_path, "kubeconfig")
    target = ("-n", NAMESPACE, "-e", environment.name, "--kubeconfig", kubeconfig, "-f", BACKUP)
    before = environment.content()
    root.run(full_program, "backup", *target).expect(0)
    root.run(full_program, "verify", "-f", BACKUP).expect(0)
    environment.destroy()
    root.run(full_program, "restore", *target).expect(0)
    after = environment.content()
    assert before.changes(after) == []


def test_carried_clients_encrypt(
    root: Root, full_program: Path, s3: S3Server, server_folder: Path, tmp_path: Path
) -> None:
    """To a server whose certificate is checked."""
    authority = trustme.CA()
    folder = server_folder / f"tls-{root.folder.name}"
    folder.mkdir(mode=0o711)
    settings = {**IN_A_HURRY, **tls_settings(folder, authority)}
    with PostgresServer(folder, bin_dir=postgres_bin(15), settings=settings) as server, KubernetesApi() as kubernetes:
        environment = LiveEnvironment(server, s3, kubernetes, tmp_path)
        environment.fill(orphans=0)
        roots = tmp_path / "roots.pem"
        authority.cert_pem.write_to_path(roots)
        trusted = ("--db-sslmode", "verify-ca", "--db-sslrootcert", put(root, roots, "roots.pem"))
        kubeconfig = put(root, kubernetes.kubeconfig_path, "kubeconfig")
        target = ("-n", NAMESPACE, "-e", environment.name, "--kubeconfig", kubeconfig, "-f", BACKUP)
        root.run(full_program, "backup", *target, *trusted).expect(0)
        root.run(full_program, "restore", *target, *trusted).expect(0)


def test_backup_without_clients_says_what_is_missing(
    root: Root, plain_program: Path, environment: LiveEnvironment
) -> None:
    kubeconfig = put(root, environment.kubernetes.kubeconfig_path, "kubeconfig")
    target = ("-n", NAMESPACE, "-e", environment.name, "--kubeconfig", kubeconfig, "-f", BACKUP)
    root.run(plain_program, "backup", *target).expect(2, "no pg_dump", "found: none")


def test_texts_outside_of_ascii_are_printed_without_a_locale(root: Root, program: Path) -> None:
    root.run(program, "verify", "-f", "/tmp/Sicherung größer.tar.gz").expect(2, "Sicherung größer.tar.gz")


def test_home_is_not_needed(root: Root, program: Path) -> None:
    root.run(program, "backup", "-n", "one", "-e", "one", "-f", BACKUP).expect(2, "no kubeconfig was found")
