from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from factories import KEY_ARN, image, training_pipeline
from recording import Recording, record, statements

from components.workload import Resources

if TYPE_CHECKING:
    from pathlib import Path

Declare = Callable[..., Recording]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    path = tmp_path / "records.csv.gz"
    path.write_bytes(b"rows")
    return path


@pytest.fixture
def declare(dataset: Path) -> Declare:
    def run(**overrides: Any) -> Recording:
        return record(lambda: training_pipeline(dataset, **overrides))

    return run


def job_name(recording: Recording) -> str:
    return recording.one("Job").inputs["metadata"]["name"]


def variables(recording: Recording) -> dict[str, str]:
    (container,) = recording.one("Job").inputs["spec"]["template"]["spec"]["containers"]
    return {variable["name"]: variable["value"] for variable in container["env"]}


def test_the_dataset_is_named_by_its_content_and_encrypted_under_our_key(declare: Declare) -> None:
    uploaded = declare().one("BucketObjectv2").inputs
    assert uploaded["key"] == f"datasets/support2/{hashlib.sha256(b'rows').hexdigest()}.csv.gz"
    assert uploaded["serverSideEncryption"] == "aws:kms"
    assert uploaded["kmsKeyId"] == KEY_ARN
    assert uploaded["bucketKeyEnabled"] is True


def test_the_job_is_told_what_to_train_on_and_where_to_write(declare: Declare) -> None:
    recording = declare()
    environment = variables(recording)
    assert environment["PLINTH_DATASET_KEY"] == recording.one("BucketObjectv2").inputs["key"]
    assert environment["PLINTH_DATASET_SHA256"] == hashlib.sha256(b"rows").hexdigest()
    assert environment["PLINTH_CODE_VERSION"] == image().digest
    assert f"train-{environment['PLINTH_MODEL_VERSION']}" == job_name(recording)


def test_the_same_inputs_are_the_same_run(declare: Declare) -> None:
    assert job_name(declare()) == job_name(declare())


def test_any_other_input_is_another_run(declare: Declare, dataset: Path) -> None:
    runs = [
        job_name(declare()),
        job_name(declare(hyperparameters={"seed": 1})),
        job_name(declare(image=image(reference=f"registry.example.org/plinth@sha256:{'c' * 64}"))),
        job_name(declare(model="another")),
    ]
    dataset.write_bytes(b"other rows")
    runs.append(job_name(declare()))
    assert len(set(runs)) == len(runs)


def test_more_memory_is_the_same_run(declare: Declare) -> None:
    assert job_name(declare()) == job_name(declare(resources=Resources(cpu="1", memory="4Gi")))


def test_hyperparameters_arrive_as_json(declare: Declare) -> None:
    environment = variables(declare(hyperparameters={"seed": 1, "learning_rate": 0.1}))
    assert json.loads(environment["PLINTH_HYPERPARAMETERS"]) == {"seed": 1, "learning_rate": 0.1}


def test_the_job_ends_in_bounded_time_and_tries(declare: Declare) -> None:
    spec = declare(deadline_seconds=60, attempts_again=1).one("Job").inputs["spec"]
    assert (spec["activeDeadlineSeconds"], spec["backoffLimit"]) == (60, 1)


def test_a_job_that_is_done_stays_to_be_seen(declare: Declare) -> None:
    assert "ttlSecondsAfterFinished" not in declare().one("Job").inputs["spec"]


def test_a_job_that_has_to_run_again_goes_before_it_comes(declare: Declare) -> None:
    assert declare().one("Job").delete_first


def test_the_pod_is_restricted(declare: Declare) -> None:
    pod = declare().one("Job").inputs["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"]["limits"] == {"memory": "2Gi"}
    assert pod["automountServiceAccountToken"] is False


def test_the_run_reads_its_dataset_and_writes_its_own_folder_only(declare: Declare) -> None:
    recording = declare()
    version = variables(recording)["PLINTH_MODEL_VERSION"]
    allowed = {}
    for statement in statements(recording.one("RolePolicy").inputs["policy"]):
        for action in statement["Action"]:
            allowed.setdefault(action, set()).update(statement["Resource"])
    run = f"arn:aws:s3:::plinth-test-artifacts/models/support2-mortality/{version}/*"
    dataset = f"arn:aws:s3:::plinth-test-raw/{variables(recording)['PLINTH_DATASET_KEY']}"
    assert allowed["s3:PutObject"] == {run}
    assert allowed["s3:GetObject"] == {run, dataset}
    assert set(allowed) == {
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "s3:GetObject",
        "s3:PutObject",
    }


def test_nobody_connects_to_the_job(declare: Declare) -> None:
    policy = declare().one("NetworkPolicy", "training-network-policy").inputs["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert not policy.get("ingress")


def test_a_dataset_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not exist"):
        record(lambda: training_pipeline(tmp_path / "missing.csv.gz"))
