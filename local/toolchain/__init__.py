"""The commands that the environment is made of: found on PATH, or built from pinned Go modules."""

from local.toolchain.recipes import Tool
from local.toolchain.toolchain import NODE_TOOLS, Toolchain, ensure, prune, usage

__all__ = ["NODE_TOOLS", "Tool", "Toolchain", "ensure", "prune", "usage"]
