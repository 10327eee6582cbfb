"""The container images, built from the checkout and known by digest."""

from __future__ import annotations

from local.images.build import build_all, commands_in
from local.images.housekeeping import clean, prune, size
from local.images.names import BuiltImage, ImageName
from local.images.push import push

__all__ = ["BuiltImage", "ImageName", "build_all", "clean", "commands_in", "prune", "push", "size"]
