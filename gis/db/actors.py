"""Who acts, and with which rights: a person, a machine or the house itself, in a role.

The roles themselves stand on the policy page of the house that uses this engine; ``gis.rights`` gives each of them a
role of PostgreSQL's own, so that what a role may do is decided in one place for every door.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field as attribute

from gis.model.fields import Clearance, Level, ScopedClearance
from gis.text.i18n import Text


@dataclass(frozen=True)
class Role:
    """A post's rights.

    ``level`` says which columns and rows it reads; ``edits`` names the layers it changes, each with the columns it may
    change, or with none where it may create the feature and change all of it. A ``scoped`` role has matters of its
    own, such as those of its unit, and sees beyond them only what may be shared. An ``administrator`` keeps the
    accounts. ``shares`` says that it may prepare and approve what leaves the house. An ``outside`` role reads what was
    released to its recipient, through a login that knows nothing else.
    """

    name: str
    title: Text
    level: Level
    edits: Mapping[str, tuple[str, ...]] = attribute(default_factory=dict, hash=False)
    scoped: bool = False
    administrator: bool = False
    manages_releases: bool = False
    external: bool = False

    @property
    def clearance(self) -> Clearance:
        """How it reads: a scoped one beyond its own matters less than within them."""
        return ScopedClearance(self.level) if self.scoped else self.level

    @property
    def own_unit_role(self) -> str:
        """The role in PostgreSQL that sees of a scoped post's own matters what they have beyond what may be shared."""
        return f"cotmoc_{self.name}_own"

    @property
    def read_role(self) -> str:
        """Its role in PostgreSQL."""
        return f"cotmoc_{self.name}"

    @property
    def write_role(self) -> str:
        """Its role in PostgreSQL while it writes."""
        return f"cotmoc_{self.name}_edit"


@dataclass(frozen=True)
class Actor:
    """Somebody in whose name something is read or changed, for a unit where it belongs to one.

    ``recipient`` is to whom was released what an outside role reads, ``releases`` through which of its releases where
    not through all of them.
    """

    name: str
    role: Role
    unit: str | None = None
    recipient: str | None = None
    releases: tuple[str, ...] = ()

    @property
    def level(self) -> Level:
        """How much it sees."""
        return self.role.level

    @property
    def clearance(self) -> Clearance:
        """How it reads."""
        return self.role.clearance

    @property
    def may_edit(self) -> bool:
        """Whether it changes anything at all; PostgreSQL knows what."""
        return bool(self.role.edits)
