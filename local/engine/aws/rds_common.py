"""What all things of RDS share."""

from __future__ import annotations

from local.engine.aws.tagging import by_target

TAGGING = by_target(
    "rds", "ResourceName", write="add_tags_to_resource", remove="remove_tags_from_resource", answer="TagList"
)
