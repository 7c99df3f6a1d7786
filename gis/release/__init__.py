"""Releases to partners: models, workflow, snapshots, publishing and recall."""

from gis.release.contents import FeatureContent, PreparedPart, Withheld
from gis.release.holdings import released_layers
from gis.release.models import Manifest, ReleasePart, ReleaseState, ReleaseVersion
from gis.release.referent import ReferentLayer
from gis.release.snapshot import ALWAYS_RELEASED_FIELDS, RELEASE_SCHEMA, snapshot_catalog, snapshot_layer
from gis.release.workflow import Terms

__all__ = [
    "ALWAYS_RELEASED_FIELDS",
    "RELEASE_SCHEMA",
    "FeatureContent",
    "Manifest",
    "PreparedPart",
    "ReferentLayer",
    "ReleasePart",
    "ReleaseState",
    "ReleaseVersion",
    "Terms",
    "Withheld",
    "released_layers",
    "snapshot_catalog",
    "snapshot_layer",
]
