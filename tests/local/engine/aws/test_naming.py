from __future__ import annotations

from local.engine.aws import table
from local.engine.aws.comparison import DEFAULTS_KEY
from local.engine.aws.naming import automatic_name, is_automatic, with_name, with_prefix

SEED = bytes(range(32))


def _kind(token: str):  # noqa: ANN202 - the entry of a type
    kind = table.find(token)
    assert kind is not None
    return kind


def test_a_name_has_the_resource_s_and_seven_digits_of_the_seed() -> None:
    assert automatic_name(_kind("aws:iam/role:Role"), "serve", SEED) == "serve-0001020"


def test_a_bucket_s_name_is_in_lower_case_and_short_enough() -> None:
    name = automatic_name(_kind("aws:s3/bucket:Bucket"), "Raw" * 40, SEED)
    assert name == name.lower()
    assert len(name) == 63


def test_an_alias_begins_as_aliases_do() -> None:
    assert automatic_name(_kind("aws:kms/alias:Alias"), "raw", SEED) == "alias/raw-0001020"


def test_a_given_name_is_taken_and_an_earlier_automatic_one_is_kept() -> None:
    kind = _kind("aws:iam/role:Role")
    assert with_name(kind, "serve", {"name": "x"}, {}, SEED) == {"name": "x"}
    old = {"name": "serve-fffffff", DEFAULTS_KEY: ["name"]}
    assert with_name(kind, "serve", {}, old, SEED)["name"] == "serve-fffffff"
    assert with_name(kind, "serve", {}, {"name": "given"}, SEED)["name"] == "serve-0001020"


def test_a_name_of_a_given_beginning_is_made_up_once_and_only_where_none_is_given() -> None:
    asked = {"namePrefix": "images_"}
    made = with_prefix("name", asked, {}, SEED)
    assert made == {**asked, "name": f"images_{SEED.hex()[:16]}", DEFAULTS_KEY: ["name"]}
    assert with_prefix("name", asked, made, bytes(32)) == made
    assert with_prefix("name", {**asked, "name": "x"}, made, SEED) == {**asked, "name": "x"}
    assert with_prefix("name", {}, {}, SEED) == {}


def test_an_automatic_name_is_known_as_one() -> None:
    kind = _kind("aws:iam/role:Role")
    assert is_automatic("serve-0a1b2c3", "serve", kind)
    assert not is_automatic("serve-mine", "serve", kind)
    assert not is_automatic("other-0a1b2c3", "serve", kind)
