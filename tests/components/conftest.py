from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

# The importlib import mode adds no folder to the path; these tests share a recorder and factories.
sys.path.insert(0, str(Path(__file__).parent))
# The evaluator of IAM's policy language stands with the stacks' tests.
sys.path.insert(1, str(Path(__file__).parent.parent / "stacks"))


def pytest_configure(config: pytest.Config) -> None:
    # The AWS SDK warns of its own old classes when it loads them; nothing here uses them.
    config.addinivalue_line("filterwarnings", "ignore::DeprecationWarning:pulumi_aws.*")
