"""The supported CQL2 operators and their SQL."""

COMPARISONS = {"=": "=", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
EQUALITIES = ("=", "<>")
SPATIAL_OPERATORS = {
    "s_intersects": "ST_Intersects",
    "s_within": "ST_Within",
    "s_contains": "ST_Contains",
    "s_equals": "ST_Equals",
    "s_disjoint": "ST_Disjoint",
    "s_touches": "ST_Touches",
    "s_crosses": "ST_Crosses",
    "s_overlaps": "ST_Overlaps",
}
TEMPORAL_OPERATORS = {
    "t_after": "{a0} > {b1}",
    "t_before": "{a1} < {b0}",
    "t_contains": "{a0} < {b0} and {a1} > {b1}",
    "t_disjoint": "not ({a0} <= {b1} and {a1} >= {b0})",
    "t_during": "{a0} > {b0} and {a1} < {b1}",
    "t_equals": "{a0} = {b0} and {a1} = {b1}",
    "t_finishedBy": "{a0} < {b0} and {a1} = {b1}",
    "t_finishes": "{a0} > {b0} and {a1} = {b1}",
    "t_intersects": "{a0} <= {b1} and {a1} >= {b0}",
    "t_meets": "{a1} = {b0}",
    "t_metBy": "{a0} = {b1}",
    "t_overlappedBy": "{a0} > {b0} and {a0} < {b1} and {a1} > {b1}",
    "t_overlaps": "{a0} < {b0} and {a1} > {b0} and {a1} < {b1}",
    "t_startedBy": "{a0} = {b0} and {a1} > {b1}",
    "t_starts": "{a0} = {b0} and {a1} < {b1}",
}
"""Relations of the intervals [a0, a1] and [b0, b1]; an instant is an interval whose start and end are the same."""

FOLDING_FUNCTIONS = {"casei": "lower({})", "accenti": "{schema}.plain({})"}
LOGICAL_OPERATORS = ("and", "or", "not")
OTHER_OPERATORS = ("between", "in", "like", "isNull")
ARRAY_OPERATORS = {
    "a_contains": "{a} @> {b}",
    "a_containedBy": "{a} <@ {b}",
    "a_equals": "{a} @> {b} and {a} <@ {b}",
    "a_overlaps": "{a} && {b}",
}
"""Relations of two lists, taken as sets."""
OPERATORS = (
    *LOGICAL_OPERATORS,
    *COMPARISONS,
    *OTHER_OPERATORS,
    *FOLDING_FUNCTIONS,
    *SPATIAL_OPERATORS,
    *TEMPORAL_OPERATORS,
    *ARRAY_OPERATORS,
)
