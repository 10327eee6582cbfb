"""Backup plans on the emulator: one that is deleted gives its name back.

moto keeps a deleted plan with its date of deletion and refuses its name for good, so that a plan could never
be replaced. AWS keeps it as well, but refuses only the very same document of a plan that is there.
"""

from __future__ import annotations

from typing import Any

from moto.backup.models import BackupBackend

_delete = BackupBackend.delete_backup_plan


def forget_deleted_plans() -> None:
    """Make a deleted plan as good as never made."""
    BackupBackend.delete_backup_plan = _delete_and_forget  # type: ignore[method-assign,assignment]  # moto offers no hook


def _delete_and_forget(backend: Any, backup_plan_id: str) -> tuple[str, str, float, str]:  # noqa: ANN401 - moto's own class
    answer: tuple[str, str, float, str] = _delete(backend, backup_plan_id)
    backend.plans.pop(backup_plan_id, None)
    return answer
