from __future__ import annotations

import pytest
from moto.core import responses
from moto.ec2.responses import EC2Response
from moto.iam.responses import IamResponse
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from local.emulator.shortcuts import Dispatcher, remember_methods

HOSTS = (
    None,
    "moto_api",
    "dynamodb",
    "s3control",
    "budgets.amazonaws.com",
    "api.sagemaker.eu-central-1.amazonaws.com",
    *(
        f"{service}.{region}.amazonaws.com"
        for service in ("backup", "ec2", "eks", "iam", "kms", "logs", "s3", "sns", "sqs", "ssm", "sts")
        for region in ("eu-central-1", "us-east-1")
    ),
)


@pytest.mark.parametrize("host", HOSTS)
def test_a_remembered_service_is_the_one_that_moto_would_choose(host: str | None) -> None:
    remembering, moto = Dispatcher(create_backend_app), DomainDispatcherApplication(create_backend_app)
    assert remembering.get_backend_for_host(host) == moto.get_backend_for_host(host)
    assert remembering.get_backend_for_host(host) == moto.get_backend_for_host(host)


def test_the_operations_of_a_class_are_those_that_moto_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = responses.method_names_from_class
    monkeypatch.setattr(responses, "method_names_from_class", listed)  # put back afterwards
    remember_methods()
    for kind in (EC2Response, IamResponse, EC2Response):
        assert set(responses.method_names_from_class(kind)) == set(listed(kind))
