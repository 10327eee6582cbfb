"""The account that a stack belongs to, and whether the credentials at hand are of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stacks.errors import ConfigError

if TYPE_CHECKING:
    import boto3

    from stacks.schema import Settings


def require_account(settings: Settings, session: boto3.Session, source: str, consequence: str) -> None:
    """Refuse credentials of another account than the config names, before anything is read or made.

    Args:
        settings: of the stack.
        session: the credentials.
        source: what is being done, for the error.
        consequence: what would come of it, a clause.

    Raises:
        ConfigError: the credentials are of another account.
    """
    account = session.client("sts", region_name=settings.region).get_caller_identity()["Account"]
    if account != settings.account_id:
        raise ConfigError(
            source,
            [
                (
                    f"the credentials at hand are of the account {account}, but aws:allowedAccountIds names "
                    f"{settings.account_id}; {consequence}. Log in to the right one, or correct the config."
                )
            ],
        )
