"""Kill everything that can be killed, at random moments; after each case the same questions.

`make chaos [SEED=n] [KILLS=n]` runs it on the checkout's own environment, which it destroys and makes again,
and which it leaves complete. Each case is in the report: what was killed, when, and what came of it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from local.cluster.preparation import PROGRAM_NAMES
from local.engine.kubernetes.helm.storage import Status
from tests.chaos import damage
from tests.chaos.matrix import HEAL_SECONDS, Matrix
from tests.chaos.plan import Kill, Plan, Scene
from tests.chaos.report import Case, Report, judge
from tests.chaos.up import Running
from tests.environment.conftest import EXAMPLE
from tests.environment.load import Load

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAN = Plan.asked_for(PROGRAM_NAMES)
pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1800)]
whole_run = pytest.mark.skipif(PLAN.short, reason="not part of a short run")

LAST = {kill.scene: kill for kill in PLAN.kills}
"""The last kill of each scene, after which a further `make up` has to find nothing to do."""


@pytest.fixture(scope="module")
def matrix() -> Iterator[Matrix]:
    report = Report(PLAN.seed, short=PLAN.short)
    matrix = Matrix(PLAN, report)
    matrix.begin()
    yield matrix
    report.write()


@pytest.fixture
def case(request: pytest.FixtureRequest, matrix: Matrix) -> Iterator[Case]:
    """A case whose failed checks fail the test, in the report whatever happens."""
    case = Case(group=request.function.__name__, name=request.node.name)
    matrix.report.cases.append(case)
    matrix.complete()
    yield case
    matrix.report.write()


@pytest.mark.parametrize("kill", PLAN.kills, ids=str)
def test_a_killed_make_up_is_completed_by_the_next(matrix: Matrix, case: Case, kill: Kill) -> None:
    case.drawn = kill.as_json()
    matrix.kill_up(kill, case)
    matrix.look(case)
    if LAST[kill.scene] is kill:
        matrix.look_unchanged(case)
    judge(case)


@pytest.mark.parametrize("program", PLAN.programs)
def test_a_killed_program_comes_back_without_a_hand(matrix: Matrix, case: Case, program: str) -> None:
    case.killed = [damage.kill_program(matrix.environment, program)]
    time.sleep(1)
    matrix.heal(case, time.monotonic)
    up = matrix.converge(case)
    case.check("make up had nothing to do", lambda: up.changed)
    matrix.look(case)
    judge(case)


@whole_run
def test_a_killed_supervisor_comes_back_without_a_hand(matrix: Matrix, case: Case) -> None:
    case.killed = [damage.kill_supervisor(matrix.instance)]
    time.sleep(2)
    matrix.heal(case, time.monotonic)
    up = matrix.converge(case)
    case.check("make up had nothing to do", lambda: up.changed)
    matrix.look(case)
    judge(case)


@whole_run
def test_killed_pods_come_back_without_a_hand(matrix: Matrix, case: Case) -> None:
    case.killed = damage.kill_pods(matrix.instance)
    time.sleep(2)
    matrix.heal(case, time.monotonic)
    up = matrix.converge(case)
    case.check("make up had nothing to do", lambda: up.changed)
    matrix.look(case)
    judge(case)


def test_a_power_cut_is_survived(matrix: Matrix, case: Case) -> None:
    case.killed = damage.cut_power(matrix.instance)
    matrix.converge(case)
    matrix.look(case)
    matrix.look_unchanged(case)
    judge(case)


@whole_run
def test_a_power_cut_during_make_up_is_survived(matrix: Matrix, case: Case) -> None:
    kill = next(kill for kill in PLAN.kills if kill.scene is Scene.DRIFT)
    case.notes += matrix.set_scene(kill)
    with Running("up") as up:
        reached = up.wait_until(matrix.idle_seconds * 0.8)
        case.check("make up was at work when the power was cut", lambda: "" if reached else up.output)
        case.moment_seconds, case.during = round(up.seconds, 2), up.last_line
        case.killed = [*up.kill(kill.victim.EVERYTHING), *damage.cut_power(matrix.instance)]
    matrix.converge(case)
    matrix.look(case)
    matrix.look_unchanged(case)
    judge(case)


MACHINE_STATE = {
    "an interface and a network namespace": (damage.plant_interface,),
    "control groups with a process": (damage.plant_groups,),
    "sockets and a record": (damage.plant_sockets,),
    "mounts": (damage.plant_mounts,),
    "all of it": (damage.plant_interface, damage.plant_groups, damage.plant_sockets, damage.plant_mounts),
}


@whole_run
@pytest.mark.parametrize("what", MACHINE_STATE)
def test_machine_state_of_a_dead_environment_is_cleared(matrix: Matrix, case: Case, what: str) -> None:
    case.killed = damage.cut_power(matrix.instance)
    planted: damage.Planted = {}
    for plant in MACHINE_STATE[what]:
        placed = plant(matrix.instance)
        # Asked at once: what is planted next may hide it, as a mount does with the sockets below it.
        assert all(is_there() for is_there in placed.values()), placed
        planted |= placed
    case.killed += planted
    matrix.converge(case)
    left = [name for name, is_there in planted.items() if is_there()]
    case.check("nothing of what was planted is left", lambda: left)
    matrix.look(case)
    judge(case)


@whole_run
def test_stale_locks_and_pending_operations_are_mended(matrix: Matrix, case: Case) -> None:
    case.killed = damage.plant_pending_operations(matrix.environment)
    case.killed += damage.plant_locks(matrix.environment)
    matrix.converge(case)
    matrix.look(case)
    judge(case)


ADOPTED = (
    "aws:dynamodb/table:Table",
    "aws:kms/alias:Alias",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:s3/bucketVersioning:BucketVersioning",
    "kubernetes:policy/v1:PodDisruptionBudget",
    "kubernetes:networking.k8s.io/v1:NetworkPolicy",
)


@whole_run
def test_what_the_state_never_learnt_of_is_taken_over_and_not_made_twice(matrix: Matrix, case: Case) -> None:
    case.killed = damage.forget_in_state(matrix.environment, ADOPTED)
    case.check("something was forgotten", lambda: "" if case.killed else "nothing")
    matrix.converge(case)
    matrix.look(case)
    matrix.look_unchanged(case)
    judge(case)


@whole_run
@pytest.mark.parametrize("status", [Status.PENDING_INSTALL, Status.PENDING_UPGRADE], ids=str)
def test_a_helm_release_that_was_left_half_way_is_repaired(
    matrix: Matrix, case: Case, status: Status
) -> None:
    case.killed = damage.leave_helm_pending(matrix.kubectl, status)
    matrix.converge(case)
    matrix.look(case)
    matrix.look_unchanged(case)
    judge(case)


@whole_run
def test_serving_goes_on_while_the_emulator_has_lost_its_memory(matrix: Matrix, case: Case) -> None:
    api = str(matrix.environment.cluster.node_address)
    port = matrix.environment.stack.outputs()["gateway_node_port"]
    with Load(f"http://{api}:{port}", EXAMPLE, rate=10) as load:
        case.killed = damage.forget_emulator(matrix.environment)
        time.sleep(1)
        matrix.heal(case, time.monotonic)
        time.sleep(5)
    case.check("no request failed meanwhile", lambda: load.failures)
    case.check("requests were sent meanwhile", lambda: "" if load.sent > 20 else f"{load.sent} only")
    case.check("make status says what is lost", lambda: "" if matrix.lost() else "nothing")
    # No store has the artifact any more: a process that starts now can only have it from its own pod.
    servers = damage.kill_pods(matrix.instance, having=damage.SERVING)
    case.check("servers were killed", lambda: "" if servers else "none was found")
    case.killed += servers
    time.sleep(1)
    served = damage.wait_for(matrix.prediction, HEAL_SECONDS)
    case.check("killed servers start from their verified local copies", lambda: served)
    matrix.converge(case)
    case.check("nothing is lost any more", matrix.lost)
    matrix.look(case)
    matrix.look_unchanged(case)
    judge(case)
