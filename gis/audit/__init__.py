"""The sealed journal: signing keys, seals, the anchor file and their verification."""

from gis.audit.sealer import Sealer, background_sealing
from gis.audit.verify import verify_journal

__all__ = [
    "Sealer",
    "background_sealing",
    "verify_journal",
]
