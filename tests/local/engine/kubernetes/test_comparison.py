from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from local.engine.kubernetes.comparison import changes, covers, lookup, parse, show, touches
from local.engine.provider import ChangeKind

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below, max_size=3),
    max_leaves=10,
)


def test_each_change_has_its_own_path() -> None:
    old = {"spec": {"replicas": 1, "containers": [{"image": "a"}, {"image": "b"}], "gone": 1, "same": True}}
    new = {"spec": {"replicas": 2, "containers": [{"image": "a"}, {"image": "c"}], "new": 1, "same": True}}
    assert {show(path): kind for path, kind in changes(old, new).items()} == {
        "spec.replicas": ChangeKind.UPDATE,
        "spec.containers[1].image": ChangeKind.UPDATE,
        "spec.gone": ChangeKind.DELETE,
        "spec.new": ChangeKind.ADD,
    }


def test_a_longer_list_adds_items_at_its_end() -> None:
    assert changes([1], [1, 2]) == {(1,): ChangeKind.ADD}
    assert changes([1, 2], [1]) == {(1,): ChangeKind.DELETE}


def test_true_is_not_one() -> None:
    assert changes({"a": True}, {"a": 1}) == {("a",): ChangeKind.UPDATE}
    assert changes({"a": 1.0}, {"a": 1}) == {}


def test_null_is_absent() -> None:
    assert changes({"a": None}, {}) == {}


@given(JSON)
def test_nothing_differs_from_itself(value: object) -> None:
    assert changes(value, value) == {}


@given(JSON, JSON)
def test_every_reported_path_really_differs(old: object, new: object) -> None:
    for path in changes(old, new):
        assert lookup(old, path) is not lookup(new, path) or lookup(old, path) is None


@given(st.lists(st.text(min_size=1, max_size=6) | st.integers(0, 9), min_size=1, max_size=4))
def test_a_written_path_reads_back(steps: list[str | int]) -> None:
    path = (
        "spec",
        *(step for step in steps if step != "*" and '"' not in str(step) and "\\" not in str(step)),
    )
    assert parse(show(path)) == path


def test_labels_with_dots_are_one_step() -> None:
    path = ("metadata", "labels", "app.kubernetes.io/name")
    assert show(path) == 'metadata.labels["app.kubernetes.io/name"]'
    assert parse(show(path)) == path


def test_a_pattern_covers_what_is_under_it_and_is_touched_by_what_holds_it() -> None:
    pattern = parse("spec.containers[*].image")
    assert covers(pattern, ("spec", "containers", 3, "image"))
    assert not covers(pattern, ("spec", "containers"))
    assert touches(pattern, ("spec", "containers"))
    assert not touches(pattern, ("spec", "containers", 0, "name"))
