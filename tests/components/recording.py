"""The recorder of declarations, as tests call it."""

from __future__ import annotations

from stacks.declaration import ACCOUNT, REGION, Declared, Recording, record, statements

__all__ = ["ACCOUNT", "REGION", "Declared", "Recording", "record", "statements"]
