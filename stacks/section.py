"""What all sections of a stack's config have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from components.log_group import RETENTIONS

CHECKOUT = Path(__file__).resolve().parent.parent
"""What relative paths in the config start from."""

MINIMUM_LOG_DAYS = 183
"""Six months, the least for logs of a high-risk AI system (EU AI Act, Regulation 2024/1689, Art. 26(6))."""

DnsLabel = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$")]
EnvironmentName = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$")]
"""At most 20 characters, as bucket names of 63 hold it beside project, role and account."""
Cpu = Annotated[str, Field(pattern=r"^([1-9]\d*m|[1-9]\d*)$")]
"""Kubernetes CPU quantity: `250m`, or whole cores."""
Bytes = Annotated[str, Field(pattern=r"^[1-9]\d*(Ki|Mi|Gi)$")]
"""Kubernetes quantity of bytes, such as `512Mi`."""
Days = Annotated[int, Field(ge=1, le=36500)]
Seconds = Annotated[int, Field(ge=1, le=86400)]
Replicas = Annotated[int, Field(ge=1, le=1000)]
AccountId = Annotated[str, Field(pattern=r"^\d{12}$")]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
RoleArn = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+$")]
KeyArn = Annotated[str, Field(pattern=r"^arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+$")]
Network4 = Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+\.\d+/\d+$")]


def _offered(days: int) -> int:
    if days not in RETENTIONS:
        raise ValueError(
            f"{days} days; CloudWatch Logs offers {', '.join(map(str, RETENTIONS))}. "
            "Choose the next longer one."
        )
    return days


LogDays = Annotated[int, AfterValidator(_offered)]
"""Days that a log group keeps; CloudWatch offers some only."""


class Section(BaseModel):
    """Part of the config: camel case in the file, nothing unknown, nothing coerced."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel)


class Size(Section):
    """What one container asks of its node: CPU it is scheduled by, memory it may use."""

    cpu: Cpu
    memory: Bytes
