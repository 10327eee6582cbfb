"""The plugin's entry: `python -m local.engine.kubernetes ENGINE_ADDRESS`."""

from __future__ import annotations

from local.engine.kubernetes.provider import KubernetesProvider
from local.engine.server import serve

if __name__ == "__main__":
    serve(KubernetesProvider())
