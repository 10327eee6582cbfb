"""What a rehearsal proves, one act each; an act that does not come out as it must is an error."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from local.emulated import emulator_client
from local.errors import LocalError
from local.plan import Step, steps
from local.rehearsal.inventory import inventory, retained
from local.stack import count
from local.tagged import PROJECT, refuse_strays, retained_arns, tagged, without_dying

if TYPE_CHECKING:
    from local.rehearsal.rehearsal import Rehearsal

CHANGED_SECTION, CHANGED_SETTING = "data", "quarantineDays"
CHANGED_VALUES = (37, 38)
"""Two values, so that one of them differs from whatever the config has."""
CHANGED_TYPE, CHANGED_NAME = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "quarantine"
"""The one resource that this setting is about."""

REPLACING_SECTION, REPLACING_SETTING = "data", "multiRegionKeys"
"""A setting that can't be changed without new keys, and so not at all where keys are protected."""

SETTLE_SECONDS = 120.0
POLL_SECONDS = 0.3

ARN = re.compile(r"arn:[a-z-]+:[a-z0-9-]+:([a-z0-9-]*):(\d*):")
REFUSAL = "protect"
LASTING_KINDS = (
    "CustomResourceDefinition ",
    "APIService ",
    "ValidatingAdmissionPolicy ",
    "ValidatingAdmissionPolicyBinding ",
)
"""Helm leaves what a chart has under `crds/` when a release goes, the guards of its definitions included, and
the API server serves what is defined."""

REQUIRED = (
    "namespace",
    "raw_bucket",
    "artifact_bucket",
    "training_job",
    "training_version",
    "served_version",
    "served_artifact_sha256",
)
"""Outputs that no environment may lack."""


class Acts:
    """The acts of one rehearsal, to be played in the order in which they stand here."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self._rehearsal = rehearsal
        self._stack = rehearsal.stack
        self._say = rehearsal.progress.say
        self._clients: dict[str, Any] = {}
        self._aws_before = self._inventory()
        self._objects_before = rehearsal.cluster.objects()

    def _client(self, service: str) -> Any:  # noqa: ANN401 - one type for each service
        if service not in self._clients:
            self._clients[service] = emulator_client(service, self._rehearsal.variables)
        return self._clients[service]

    def _inventory(self) -> set[str]:
        return inventory(self._client)

    def bring_up(self) -> int:
        """Everything comes up from nothing; gives the number of resources."""
        self._rehearsal.bring_up()
        resources = self._stack.resources()
        counts = count(resources)
        self._say(
            f"{counts.realised} resources realised on the emulators, {counts.recorded_only} recorded only:"
        )
        recorded = [entry for entry in resources if _is_recorded_only(entry)]
        for kind in sorted({entry["type"] for entry in recorded}):
            self._say(f"  recorded only: {sum(entry['type'] == kind for entry in recorded)} of {kind}")
        self._settle()
        return counts.realised + counts.recorded_only

    def _settle(self) -> None:
        """Wait for the pods that autoscalers add: the engine waits for those of the declaration only."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while late := self._rehearsal.cluster.unfinished():
            if time.monotonic() >= deadline:
                raise LocalError(f"{SETTLE_SECONDS:.0f} s after the update: " + "; ".join(late))
            time.sleep(POLL_SECONDS)

    def check_outputs(self) -> None:
        """The outputs name what exists, in this account and Region, and the release that was asked for."""
        outputs = self._stack.outputs()
        faults = [f"{name} is missing" for name in REQUIRED if not outputs.get(name)]
        faults += self._strange_arns(outputs) or []
        faults += self._unreal(outputs)
        release = self._rehearsal.project.release()
        if outputs.get("served_artifact_sha256") != release["artifact_sha256"]:
            faults.append(
                f"served_artifact_sha256 is {outputs.get('served_artifact_sha256')}, not the release's"
            )
        if faults:
            raise LocalError(
                "Outputs are not as they must be:\n" + "\n".join(f"  {fault}" for fault in faults)
            )
        self._say(f"{len(outputs)} outputs checked against what exists")

    def _strange_arns(self, outputs: dict[str, Any]) -> list[str]:
        here = self._rehearsal.project.surroundings()
        faults = []
        for name, value in outputs.items():
            found = ARN.match(value) if isinstance(value, str) else None
            if found and (found[1] not in {"", here.region} or found[2] not in {"", here.account_id}):
                faults.append(f"{name} = {value} is of another account or Region")
        return faults

    def _unreal(self, outputs: dict[str, Any]) -> list[str]:
        """Buckets, keys and objects of the cluster that an output names and nobody has."""
        there = self._inventory()
        faults = []
        for name, value in outputs.items():
            if name.endswith("_bucket") and f"aws:s3/bucket:Bucket {value}" not in there:
                faults.append(f"{name} = {value}: there is no such bucket")
            if name.endswith("_key_arn") and f"aws:kms/key:Key {str(value).rpartition('/')[2]}" not in there:
                faults.append(f"{name} = {value}: there is no such key")
        namespace, job = outputs.get("namespace"), outputs.get("training_job")
        path = f"/apis/batch/v1/namespaces/{namespace}/jobs/{job}"
        if self._rehearsal.cluster.find(path) is None:
            faults.append(f"training_job = {job}: there is no such Job in {namespace}")
        return faults

    def change_one_setting(self) -> None:
        """With drift looked for as well, one changed setting changes one resource, and nothing else."""
        section, setting = CHANGED_SECTION, CHANGED_SETTING
        project = self._rehearsal.project
        before = (project.config().get(f"plinth:{section}") or {}).get(setting)
        value = next(value for value in CHANGED_VALUES if value != before)
        project.set(section, setting, value)
        with self._rehearsal.progress.step(f"preview with plinth:{section}.{setting} = {value}"):
            preview = self._rehearsal.preview("--refresh")
        if preview.status != 0:
            errors = "\n".join(preview.errors) or preview.output[-4000:]
            raise LocalError(
                f"The preview of one changed setting failed:\n{errors}\n"
                f"The engine would:\n{_listed(steps(preview.plan))}"
            )
        found = steps(preview.plan)
        if not (
            [(step.operation, step.type) for step in found] == [("update", CHANGED_TYPE)]
            and CHANGED_NAME in found[0].name
        ):
            raise LocalError(
                f"plinth:{section}.{setting} = {value} should update one {CHANGED_TYPE} and nothing else. "
                f"The engine would:\n{_listed(found) or '  do nothing'}"
            )
        self._say(f"one setting changes one resource: {found[0]}")
        changes = self._rehearsal.bring_up("make that one change")
        if changes.get("update") != 1 or set(changes) - {"same", "update"}:
            raise LocalError(f"The change of one setting came out as {changes}, not as one update.")

    def refuse_loss(self) -> None:
        """Where stores are protected, neither a destroy nor a replacement goes through, nor half of one."""
        resources = self._stack.resources()
        protected = [entry for entry in resources if entry.get("protect")]
        settings = self._rehearsal.project.config().get("plinth:data") or {}
        if not protected:
            if settings.get("protect") is not False:
                raise LocalError("No resource is protected, though plinth:data.protect is not false.")
            self._say("nothing is protected here: plinth:data.protect is false")
            return
        self._refuse_destroy(len(protected), {entry["urn"] for entry in resources})
        self._refuse_replacement(settings)

    def _refuse_destroy(self, protected: int, before: set[str]) -> None:
        with self._rehearsal.progress.step("destroy, which has to be refused"):
            result = self._stack.attempt("destroy", "--stack", self._stack.name, "--yes", timeout=600)
        output = f"{result.stdout}\n{result.stderr}"
        if result.returncode == 0 or REFUSAL not in output:
            raise LocalError(f"`pulumi destroy` was not refused for protection:\n{output[-4000:]}")
        lost = before - {entry["urn"] for entry in self._stack.resources()}
        if lost:
            raise LocalError(
                "`pulumi destroy` was refused, but only after it had deleted:\n"
                + "\n".join(f"  {urn}" for urn in sorted(lost))
            )
        self._say(f"destroy is refused: {protected} resources are protected, and nothing was deleted")

    def _refuse_replacement(self, settings: dict[str, Any]) -> None:
        project = self._rehearsal.project
        value = not settings.get(REPLACING_SETTING, False)
        before = project.set(REPLACING_SECTION, REPLACING_SETTING, value)
        try:
            with self._rehearsal.progress.step("preview a replacement of keys, which has to be refused"):
                preview = self._rehearsal.preview()
        finally:
            project.set(REPLACING_SECTION, REPLACING_SETTING, before)
        if preview.status == 0 or REFUSAL not in preview.output:
            raise LocalError(
                f"plinth:{REPLACING_SECTION}.{REPLACING_SETTING} = {value} would replace protected keys, "
                f"and was not refused:\n{_listed(steps(preview.plan))}"
            )
        self._say(
            f"a replacement is refused: plinth:{REPLACING_SECTION}.{REPLACING_SETTING} can't be changed "
            "under protected keys"
        )

    def take_protection_off(self) -> None:
        """The override: a change of config, which is in the repository's history, and in the engine's."""
        before = self._stack.resources()
        if not any(entry.get("protect") for entry in before):
            return
        self._rehearsal.project.set("data", "protect", value=False)
        self._rehearsal.bring_up("take protection off: plinth:data.protect = false")
        after = self._stack.resources()
        still = [entry["urn"] for entry in after if entry.get("protect")]
        if still:
            raise LocalError("Still protected after plinth:data.protect = false:\n" + "\n".join(still))
        # The engine deletes by the options that it had recorded: these stay, and nothing manages them.
        there = {entry["urn"] for entry in after}
        stays = [
            entry["urn"] for entry in before if entry.get("retainOnDelete") and entry["urn"] not in there
        ]
        if stays:
            raise LocalError(
                "Left the program with plinth:data.protect = false, and stays in the account because it was "
                "retained:\n" + "\n".join(stays)
            )

    def destroy(self) -> None:
        """Everything goes, but for exactly what the state retains."""
        resources = self._stack.resources()
        kept = retained(resources)
        self._stack.destroy(self._rehearsal.progress)
        left = self._inventory() - self._aws_before
        faults = [f"left, and not to be retained: {name}" for name in sorted(left - kept)]
        faults += [f"to be retained, and gone: {name}" for name in sorted(kept - left)]
        objects = self._rehearsal.cluster.objects() - self._objects_before
        faults += [
            f"left in the cluster: {name}" for name in sorted(objects) if not name.startswith(LASTING_KINDS)
        ]
        faults += [f"left in the state: {entry['urn']}" for entry in self._stack.resources()]
        if faults:
            raise LocalError("After the destroy:\n" + "\n".join(f"  {fault}" for fault in faults))
        self._check_tags(resources)
        self._say(
            f"destroyed: what is left in the account is the {len(kept)} stores and keys that are retained"
            if kept
            else "destroyed: nothing is left in the account"
        )
        definitions = sum(name.startswith(LASTING_KINDS[0]) for name in objects)
        self._say(f"destroyed: in the cluster {definitions} definitions stay, which Helm never removes")

    def _check_tags(self, resources: list[dict[str, Any]]) -> None:
        found = tagged(self._client("resourcegroupstaggingapi"), PROJECT, self._stack.name)
        left = without_dying(found, self._client)
        for arn in sorted(left):
            self._say(f"  left by tag: {arn}")
        refuse_strays(left, retained_arns(resources), self._stack.name)


def _is_recorded_only(entry: dict[str, Any]) -> bool:
    return bool(entry.get("custom") and (entry.get("outputs") or {}).get("__recordedOnly"))


def _listed(found: list[Step]) -> str:
    return "\n".join(f"  {step}" for step in found)
