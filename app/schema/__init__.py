"""SUPPORT2's columns, defined once: training validates with them, serving builds its request model of them.

Imports the standard library and numpy only, because the serving image holds nothing else.
"""

from app.schema.columns import Category, Column, Number, Role
from app.schema.encoding import encode, feature_spec
from app.schema.support2 import COLUMNS, FEATURES, MONITORED, REQUEST_COLUMNS

__all__ = [
    "COLUMNS",
    "FEATURES",
    "MONITORED",
    "REQUEST_COLUMNS",
    "Category",
    "Column",
    "Number",
    "Role",
    "encode",
    "feature_spec",
]
