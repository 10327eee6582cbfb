from __future__ import annotations

import pytest
from factories import tags

from components.tags import LABEL_VALUE, DataClass


def test_every_aws_tag_that_governance_requires_is_there() -> None:
    assert {"owner", "data-classification", "cost-centre", "environment"} <= set(
        tags().aws("data-stores", DataClass.RESTRICTED)
    )


def test_the_data_class_is_the_one_given() -> None:
    assert tags().aws("data-stores", DataClass.RESTRICTED)["data-classification"] == "restricted"


def test_labels_are_values_that_kubernetes_takes() -> None:
    assert all(LABEL_VALUE.fullmatch(value) for value in tags().kubernetes("edge").values())


@pytest.mark.parametrize("field", ["owner", "cost_centre", "environment", "project"])
@pytest.mark.parametrize("value", ["", "a" * 257, "semi;colon"])
def test_a_tag_that_aws_would_refuse_is_refused_at_once(field: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"The tag {field}"):
        tags(**{field: value})
