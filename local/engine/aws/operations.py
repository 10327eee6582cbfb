"""Operations of the AWS API that make what the emulator can't, so that the inputs can be checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Operation:
    """How one recorded type would be made.

    Attributes:
        service: botocore's name of the service.
        operation: the operation's name.
        names: inputs whose parameter has another name.
        elsewhere: inputs that other operations take, or that only the provider knows.
        replaces: inputs whose change needs a new resource.
        member: the parameter that holds all other inputs, if the operation nests them.
        outer: with `member`, the inputs that stay beside it.
        named: the input that is made up where the program gives only what it begins with, `...Prefix`.
        arns: outputs that are ARNs of a form of their own: what follows the account, with `{name}` in it.
    """

    service: str
    operation: str
    names: Mapping[str, str] = field(default_factory=dict)
    elsewhere: frozenset[str] = frozenset({"region", "timeouts", "tagsAll"})
    replaces: frozenset[str] = frozenset()
    member: str = ""
    outer: frozenset[str] = frozenset()
    named: str = ""
    arns: Mapping[str, str] = field(default_factory=dict)


_COMMON: Final = frozenset({"region", "timeouts", "tagsAll"})

OPERATIONS: Final[dict[str, Operation]] = {
    "aws:eks/addon:Addon": Operation(
        "eks",
        "CreateAddon",
        names={"resolveConflictsOnCreate": "resolveConflicts"},
        elsewhere=_COMMON | {"preserve", "resolveConflictsOnUpdate"},
        replaces=frozenset({"clusterName", "addonName"}),
    ),
    "aws:eks/accessEntry:AccessEntry": Operation(
        "eks",
        "CreateAccessEntry",
        names={"userName": "username"},
        replaces=frozenset({"clusterName", "principalArn", "type"}),
    ),
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": Operation(
        "eks",
        "AssociateAccessPolicy",
        replaces=frozenset({"clusterName", "principalArn", "policyArn"}),
    ),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": Operation(
        "eks",
        "CreatePodIdentityAssociation",
        replaces=frozenset({"clusterName", "namespace", "serviceAccount"}),
    ),
    "aws:backup/selection:Selection": Operation(
        "backup",
        "CreateBackupSelection",
        names={"planId": "BackupPlanId", "name": "SelectionName", "selectionTags": "ListOfTags"},
        member="BackupSelection",
        outer=frozenset({"BackupPlanId"}),
        elsewhere=_COMMON,
        replaces=frozenset({"planId", "name", "iamRoleArn", "resources", "selectionTags", "conditions"}),
    ),
    "aws:backup/vaultLockConfiguration:VaultLockConfiguration": Operation(
        "backup",
        "PutBackupVaultLockConfiguration",
        replaces=frozenset({"backupVaultName"}),
    ),
    "aws:backup/vaultPolicy:VaultPolicy": Operation(
        "backup",
        "PutBackupVaultAccessPolicy",
        replaces=frozenset({"backupVaultName"}),
    ),
    "aws:backup/restoreTestingPlan:RestoreTestingPlan": Operation(
        "backup",
        "CreateRestoreTestingPlan",
        names={"name": "RestoreTestingPlanName"},
        member="RestoreTestingPlan",
    ),
    "aws:backup/restoreTestingSelection:RestoreTestingSelection": Operation(
        "backup",
        "CreateRestoreTestingSelection",
        names={"name": "RestoreTestingSelectionName", "restoreTestingPlanName": "RestoreTestingPlanName"},
        member="RestoreTestingSelection",
        outer=frozenset({"RestoreTestingPlanName"}),
        replaces=frozenset({"restoreTestingPlanName", "protectedResourceType"}),
    ),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": Operation(
        "cloudwatch",
        "PutCompositeAlarm",
        elsewhere=_COMMON | {"actionsSuppressor"},
        replaces=frozenset({"alarmName"}),
    ),
    # moto makes profiles, but fails on one that it has not instead of saying so, and gives a name again that
    # was given up. Of permissions it knows nothing.
    "aws:signer/signingProfile:SigningProfile": Operation(
        "signer",
        "PutSigningProfile",
        names={"name": "profileName"},
        named="name",
        elsewhere=_COMMON | {"namePrefix"},
        replaces=frozenset(
            {
                "name",
                "namePrefix",
                "platformId",
                "signatureValidityPeriod",
                "signingMaterial",
                "signingParameters",
            }
        ),
        arns={
            "arn": "/signing-profiles/{name}",
            "versionArn": "/signing-profiles/{name}/recorded-only",
        },
    ),
    "aws:signer/signingProfilePermission:SigningProfilePermission": Operation(
        "signer",
        "AddProfilePermission",
        named="statementId",
        elsewhere=_COMMON | {"statementIdPrefix"},
        replaces=frozenset(
            {"action", "principal", "profileName", "profileVersion", "statementId", "statementIdPrefix"}
        ),
    ),
}
