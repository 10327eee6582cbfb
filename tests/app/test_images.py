"""What each image may import: serving holds no training library, the pipeline no web server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _modules_after(statement: str) -> set[str]:
    found = subprocess.run(
        [sys.executable, "-c", f"{statement}\nimport sys; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.partition(".")[0] for name in found.stdout.split()} | {
        name for name in found.stdout.split() if name.startswith("app.")
    }


def test_serving_imports_no_training_library() -> None:
    modules = _modules_after("import app.serve.__main__")
    assert {"onnxruntime", "fastapi", "app.serve.api"} <= modules
    assert modules.isdisjoint({"sklearn", "pandas", "skl2onnx", "onnx", "scipy", "joblib", "app.train"})


def test_training_imports_no_web_server() -> None:
    modules = _modules_after("import app.train.__main__")
    assert {"sklearn", "skl2onnx", "app.train.run"} <= modules
    assert modules.isdisjoint({"fastapi", "starlette", "uvicorn", "prometheus_client", "app.serve"})


def test_the_core_of_serving_knows_no_web_framework() -> None:
    core = ("errors", "identifiers", "inference", "loader", "readiness", "records", "tensors")
    modules = _modules_after("import " + ", ".join(f"app.serve.{name}" for name in core))
    assert modules.isdisjoint({"fastapi", "starlette", "uvicorn"})


def test_the_contract_imports_nothing_of_the_application() -> None:
    modules = _modules_after("import app.contract")
    assert {name for name in modules if name.startswith("app.")} == {"app.contract"}
    assert modules.isdisjoint({"numpy", "pydantic", "boto3"})
