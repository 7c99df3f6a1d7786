"""Which released copies mention a feature by a derived field, as the fields declare what they read."""

from collections.abc import Iterator
from dataclasses import replace

from gis.model.fields import Field
from gis.model.layer import Layer, all_layers
from gis.model.query import select_sql
from gis.model.row import Row
from gis.release.snapshot import RELEASE_LEVEL


def copies_with_mentioning_value() -> Iterator[str]:
    """The queries of the current holdings ``h`` with a derived value to which feature ``$1`` has contributed.

    The value is computed as partners could read it at the moment of the copy, with and without the feature. They run
    with the rights of the owner, so that they see features whose level has been raised since.
    """
    for layer in all_layers():
        for field in layer.readable_fields(RELEASE_LEVEL).values():
            mentioned = sorted({source.mentioned_layer for source in field.reads if source.mentioned_layer is not None})
            if mentioned:
                yield _copies_of_layer(layer, field, mentioned)


def _copies_of_layer(layer: Layer, field: Field, mentioned: list[str]) -> str:
    """The query of the holdings of a layer, for a field that may mention features of the layers ``mentioned``."""
    with_feature = Row(RELEASE_LEVEL, layer, moment="h.since", enforces_level=True)
    without_feature = replace(with_feature, excluding="$1")
    before, after = (f"{field.expression(row)}::text" for row in (with_feature, without_feature))
    layers = ", ".join(f"'{name}'" for name in mentioned)
    return select_sql(
        "h.id",
        "app.features f join app.holdings h on h.until is null"
        f" join app.{layer.name}_history t on t.id = h.feature_id and t.valid @> h.since",
        [
            f"f.id = $1 and f.layer in ({layers})",
            f"h.layer = '{layer.name}' and h.content ? '{field.name}'",
            f"{before} is distinct from {after}",
        ],
    )
