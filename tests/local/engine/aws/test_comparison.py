from __future__ import annotations

import pytest

from local.engine.aws import table
from local.engine.aws.comparison import DEFAULTS_KEY, difference, matches
from local.engine.provider import ChangeKind
from local.engine.values import UNKNOWN, Properties, Secret

TABLE = "aws:dynamodb/table:Table"
CHOSEN = frozenset({"name", "attributes", "pointInTimeRecovery"})


def _difference(old: Properties, new: Properties):  # noqa: ANN202 - the difference
    kind = table.find(TABLE)
    assert kind is not None
    return difference(kind, old, new, CHOSEN)


def test_each_change_is_told_by_its_path_and_replaces_only_where_it_must() -> None:
    diff = _difference(
        {"hashKey": "a", "tags": {"owner": "x", "gone": "y"}},
        {"hashKey": "b", "tags": {"owner": "z", "new": "n"}},
    )
    told = {path: (change.kind, change.replaces) for path, change in diff.detailed.items()}
    assert told == {
        "hashKey": (ChangeKind.UPDATE, True),
        "tags.owner": (ChangeKind.UPDATE, False),
        "tags.gone": (ChangeKind.DELETE, False),
        "tags.new": (ChangeKind.ADD, False),
    }
    assert diff.replaces == ["hashKey"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({}, {"tableClass": "STANDARD"}),
        ({"tags": {}}, {}),
        ({"attributes": [{"name": "a"}, {"name": "b"}]}, {"attributes": [{"name": "b"}, {"name": "a"}]}),
        ({"name": "chosen"}, {}),
        ({"hashKey": Secret("a")}, {"hashKey": "a"}),
    ],
)
def test_what_means_the_same_is_no_change(old: Properties, new: Properties) -> None:
    assert not _difference(old, new).changes


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"pointInTimeRecovery": {"enabled": True}}, {"pointInTimeRecovery": {"enabled": False}}),
        ({"hashKey": "a"}, {"hashKey": UNKNOWN}),
        ({"tableClass": "STANDARD_INFREQUENT_ACCESS"}, {}),
    ],
)
def test_what_may_mean_something_else_is_a_change(old: Properties, new: Properties) -> None:
    assert _difference(old, new).changes


def test_the_old_one_goes_first_only_where_the_new_one_has_its_given_name() -> None:
    old, new = {"name": "a", "hashKey": "x"}, {"name": "a", "hashKey": "y"}
    assert _difference(old, new).delete_before_replace
    assert not _difference(old, {**new, DEFAULTS_KEY: ["name"]}).delete_before_replace
    assert not _difference(old, {**new, "name": "b"}).delete_before_replace


def test_members_that_aws_fills_in_do_not_count_and_others_do() -> None:
    kind = table.find(TABLE)
    assert kind is not None
    asked = [{"name": "by-who", "projectionType": "ALL"}]
    assert matches(kind, "globalSecondaryIndexes", asked, [{**asked[0], "readCapacity": 0}])
    assert not matches(kind, "globalSecondaryIndexes", asked, [{**asked[0], "readCapacity": 5}])
