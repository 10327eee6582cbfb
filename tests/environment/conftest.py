"""What the tests of a running environment share: the environment itself, its API, its stores, its cluster."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pandas as pd
import pytest
import testinfra

from local.commands.status import api_url
from local.environment import Environment
from local.instance import CHECKOUT, Instance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testinfra.host import Host

EXAMPLE: dict[str, Any] = {
    "patient_id": "p-1",
    "features": {"age": 62.8, "sex": "male", "dzgroup": "Lung Cancer", "meanbp": 97, "sps": 33.9},
}


@pytest.fixture(scope="session")
def environment() -> Environment:
    return Environment(Instance.of_checkout())


@pytest.fixture(scope="session")
def variables(environment: Environment) -> dict[str, str]:
    return environment.variables


@pytest.fixture(scope="session")
def outputs(environment: Environment) -> dict[str, Any]:
    return environment.stack.outputs()


@pytest.fixture(scope="session")
def url(environment: Environment) -> str:
    return api_url(environment)


@pytest.fixture
def api(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=10) as client:
        yield client


@pytest.fixture(scope="session")
def host() -> Host:
    return testinfra.get_host("local://")


@pytest.fixture(scope="session")
def patients() -> pd.DataFrame:
    """The rows of the data set, columns as in the file."""
    with gzip.open(CHECKOUT / "data" / "support2.csv.gz") as file:
        return pd.read_csv(file)


class Aws:
    """Clients of the environment's emulator."""

    def __init__(self, variables: dict[str, str]) -> None:
        self._variables = variables

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self._variables["AWS_ENDPOINT_URL"],
            region_name=self._variables["AWS_REGION"],
            aws_access_key_id=self._variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self._variables["AWS_SECRET_ACCESS_KEY"],
        )


@pytest.fixture(scope="session")
def aws(variables: dict[str, str]) -> Aws:
    return Aws(variables)


class Kubectl:
    """The real command line against the environment's cluster."""

    def __init__(self, variables: dict[str, str], namespace: str) -> None:
        self._variables = variables
        self.namespace = namespace

    def __call__(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        result = subprocess.run(
            ["kubectl", "--namespace", self.namespace, *arguments],
            env=self._variables,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if check:
            assert result.returncode == 0, result.stderr
        return result.stdout if result.returncode == 0 else result.stderr

    def get(self, *arguments: str) -> Any:
        return json.loads(self("get", *arguments, "--output", "json"))


@pytest.fixture(scope="session")
def kubectl(variables: dict[str, str], outputs: dict[str, Any]) -> Kubectl:
    path = f"{variables['PATH']}:/usr/bin:/bin"
    return Kubectl({**variables, "PATH": path, "HOME": str(Path.home())}, str(outputs["namespace"]))
