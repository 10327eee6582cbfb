from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

# The recorder of the component tests serves here as well; the importlib import mode adds no folder by itself.
sys.path.insert(0, str(Path(__file__).parent.parent / "components"))
sys.path.insert(0, str(Path(__file__).parent))


def pytest_configure(config: pytest.Config) -> None:
    # The AWS SDK warns of its own old classes when it loads them; nothing here uses them.
    config.addinivalue_line("filterwarnings", "ignore::DeprecationWarning:pulumi_aws.*")
