"""The commands that the environment is made of: found on PATH, or built from pinned Go modules."""

from local.toolchain.recipes import Tool
from local.toolchain.toolchain import Toolchain, ensure, prune, usage

__all__ = ["Tool", "Toolchain", "ensure", "prune", "usage"]
