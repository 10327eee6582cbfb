"""The way to the emulator: one botocore client for each service and region, shared by all threads."""

from __future__ import annotations

import os
import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    ParamValidationError,
)
from botocore.exceptions import (
    ConnectionError as BotoConnectionError,
)
from botocore.parsers import ResponseParserError

from local.engine.aws.exchange import CONNECT_SECONDS, PAUSES, POOL, READ_SECONDS, Exchange, unanswered
from local.engine.provider import ProviderError

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.client import BaseClient
    from botocore.model import Shape

INTERNAL: Final = "500"

_ABSENT: Final = ("NotFound", "NotFoundException", "NoSuch", "DoesNotExist", "NonExistent", "404")
_CONFLICT: Final = ("AlreadyExists", "AlreadyOwnedByYou", "ResourceInUse", "Duplicate", "ResourceConflict")


class AwsError(ProviderError):
    """An API call that was refused.

    Attributes:
        code: the API's own code of the error.
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def absent(self) -> bool:
        """Whether it says that the thing isn't there."""
        return any(mark in self.code for mark in _ABSENT)

    @property
    def missing_in_emulator(self) -> bool:
        """Whether the emulator doesn't know the operation: moto answers with an internal error."""
        return self.code == INTERNAL

    @property
    def conflict(self) -> bool:
        """Whether it says that something of that name is there already."""
        return any(mark in self.code for mark in _CONFLICT)


def _unknown_to_emulator(service: str, operation: str) -> AwsError:
    return AwsError(
        f"{service} {operation}: the emulator has no such operation, or failed in it; its log tells which.",
        INTERNAL,
    )


class Connection:
    """Clients of one emulator.

    Attributes:
        endpoint: its address.
        region: the provider's own.
    """

    def __init__(self, endpoint: str, region: str, wait: Callable[[float], None]) -> None:
        self.endpoint = endpoint
        self.region = region
        self.wait = wait
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str], BaseClient] = {}
        self._exchange = Exchange(endpoint, _access_key(), wait)

    @classmethod
    def from_environment(cls, region: str | None, wait: Callable[[float], None]) -> Connection:
        """The emulator that AWS_ENDPOINT_URL names.

        Raises:
            ProviderError: no emulator is named, or AWS itself is, or no region is known.
        """
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
        host = urlsplit(endpoint).hostname or ""
        if not host:
            raise ProviderError(
                "The aws stand-in works on an emulator only, and AWS_ENDPOINT_URL names none. `make shell` "
                "sets it. For real AWS, use the official provider plugin, outside `make shell`."
            )
        if host.endswith(("amazonaws.com", "amazonaws.com.cn", "api.aws")):
            raise ProviderError(
                f"AWS_ENDPOINT_URL is {endpoint}, which is AWS itself; the aws stand-in works on an emulator "
                "only. For real AWS, use the official provider plugin."
            )
        region = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if not region:
            raise ProviderError(
                "No AWS region is configured. Set `aws:region` in the stack's config, or AWS_REGION."
            )
        return cls(endpoint, region, wait)

    @cached_property
    def _session(self) -> botocore.session.Session:
        # The person's own profile must not decide where this goes, nor fail because a file is missing.
        session = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
        session.set_config_variable("config_file", os.devnull)
        session.set_config_variable("credentials_file", os.devnull)
        session.set_credentials(
            _access_key(),
            os.environ.get("AWS_SECRET_ACCESS_KEY") or "plinth-local",
            os.environ.get("AWS_SESSION_TOKEN") or None,
        )
        return session

    def client(self, service: str, region: str | None = None) -> BaseClient:
        """The shared client of a service."""
        key = (service, region or self.region)
        client = self._clients.get(key)
        if client is None:
            with self._lock:
                client = self._clients.get(key)
                if client is None:
                    client = self._session.create_client(
                        service,
                        region_name=key[1],
                        endpoint_url=self.endpoint,
                        config=Config(
                            connect_timeout=CONNECT_SECONDS,
                            read_timeout=READ_SECONDS,
                            retries={"mode": "standard", "total_max_attempts": len(PAUSES) + 1},
                            max_pool_connections=POOL,
                            proxies={},
                            s3={"addressing_style": "path"},
                            # botocore's own would be put together anew, of forty parts, for each call.
                            user_agent="plinth",
                        ),
                    )
                    self._exchange.serve(client)
                    self._clients[key] = client
        return client

    def call(self, service: str, operation: str, region: str | None = None, /, **parameters: Any) -> Any:  # noqa: ANN401 - the API's answers
        """Call an operation; parameters that are None are left out.

        Raises:
            AwsError: the API refused it.
            ProviderError: the emulator can't be reached, or a parameter is not one of the API's.
        """
        method = getattr(self.client(service, region), operation)
        try:
            return method(**{name: value for name, value in parameters.items() if value is not None})
        except ClientError as error:
            details = error.response.get("Error", {})
            code = details.get("Code", "Unknown")
            if code == INTERNAL:
                raise _unknown_to_emulator(service, operation) from error
            raise AwsError(f"{service} {operation}: {code}: {details.get('Message', '')}", code) from error
        except ResponseParserError as error:
            raise _unknown_to_emulator(service, operation) from error
        except ParamValidationError as error:
            raise ProviderError(f"{service} {operation}: {error}") from error
        except (BotoConnectionError, HTTPClientError) as error:
            raise unanswered(self.endpoint, error) from error
        except BotoCoreError as error:
            raise ProviderError(f"{service} {operation}: {error}") from error

    def shape(self, service: str, operation: str, parameter: str | None = None) -> Shape:
        """What an operation takes, or one of its parameters.

        Raises:
            ProviderError: it takes none.
        """
        taken = self.client(service).meta.service_model.operation_model(operation).input_shape
        if taken is None:
            raise ProviderError(f"{service} {operation} takes no parameters.")
        return taken.members[parameter] if parameter else taken

    @cached_property
    def identity(self) -> dict[str, str]:
        """The caller: `Account`, `Arn` and `UserId`."""
        return dict(self.call("sts", "get_caller_identity"))

    @property
    def account(self) -> str:
        """Twelve digits of the account."""
        return self.identity["Account"]


def _access_key() -> str:
    return os.environ.get("AWS_ACCESS_KEY_ID") or "plinth-local"


def partition_of(region: str) -> str:
    """The partition that a region lies in."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"
