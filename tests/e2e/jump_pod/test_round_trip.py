"""Backup and restore through a pod, as a user at a laptop sees them."""

from __future__ import annotations

from e2e.jump_pod.conftest import Afar


def test_backup_and_restore_through_a_pod_bring_everything_back(afar: Afar) -> None:
    backup = afar.live.home / "backup.tar.gz"
    before = afar.live.content()
    made = afar.run("backup", "-f", backup).expect(0, "dumping the database")
    assert f"written         {backup.name}" in made.out
    assert "every byte was checked on arrival" in made.out
    afar.live.run("verify", "-f", backup).expect(0)
    afar.live.destroy()
    put_back = afar.run("restore", "-f", backup).expect(0)
    assert f"restored        {backup.name}" in put_back.out
    assert before.changes(afar.live.content()) == []
