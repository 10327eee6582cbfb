"""The variables under which the engine, its providers and a person's own `pulumi` work on an instance."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from local.instance import Instance

REGION = "eu-central-1"
"""Where the emulator's resources are said to be."""

PASSPHRASE = "plinth-local"  # noqa: S105 - public on purpose: it guards the state of a throwaway environment
ACCESS_KEY = "plinth-local"
"""The emulator takes any key; this one can't be mistaken for a real one."""


BYTECODE = {"PYTHONDONTWRITEBYTECODE": ""}
"""Where Python may not keep what it compiles, as in many containers, each start of the program, of a stand-in
and of the emulator compiles megabytes anew, which takes seconds. It is kept in the virtual environment, which
is ours, and in ignored folders of the checkout."""


def environment(instance: Instance, emulator_url: str, node_address: str) -> dict[str, str]:
    """What to set on top of the caller's own environment.

    Args:
        instance: whose engine it is.
        emulator_url: the AWS emulator as this machine reaches it.
        node_address: where the cluster's node ports answer.
    """
    without_proxy = _without_proxy(node_address, urlsplit(emulator_url).hostname or "")
    return {
        "PULUMI_HOME": str(instance.pulumi_home),
        "PULUMI_BACKEND_URL": f"file://{instance.pulumi_state}",
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "AWS_ENDPOINT_URL": emulator_url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "AWS_SESSION_TOKEN": "",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        # The person's own profiles and endpoints must not decide where the local environment goes.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "KUBECONFIG": str(instance.kubeconfig),
        "NO_PROXY": without_proxy,
        "no_proxy": without_proxy,
        **BYTECODE,
        "PATH": os.pathsep.join([str(instance.bin), *_path_without(str(instance.bin))]),
    }


def _without_proxy(*addresses: str) -> str:
    """A company's proxy does not lead to these; keep what the person already excepts."""
    excepted = [
        part for part in os.environ.get("NO_PROXY", os.environ.get("no_proxy", "")).split(",") if part
    ]
    wanted = dict.fromkeys(["localhost", "127.0.0.1", *addresses])
    return ",".join([*excepted, *(part for part in wanted if part not in excepted)])


def _path_without(folder: str) -> list[str]:
    return [part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part != folder]
