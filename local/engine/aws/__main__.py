"""The plugin `pulumi-resource-aws`, as the engine starts it."""

from __future__ import annotations

from local.engine.aws.provider import AwsProvider
from local.engine.server import serve

serve(AwsProvider())
