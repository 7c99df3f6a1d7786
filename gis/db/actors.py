"""Actors and their roles.

The roles are declared in the policy of the application; ``gis.schema`` creates PostgreSQL roles for each of them, so
that PostgreSQL enforces what a role may do through every interface.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field as attribute

from gis.model.fields import Clearance, Level, ScopedClearance
from gis.text.i18n import Text


@dataclass(frozen=True)
class Role:
    """A role and its rights.

    ``level`` is the highest level of rows and columns that it may read. ``edits`` maps the layers that it may change to
    the columns it may change; an empty tuple means that it may also create features and change all columns. A
    ``scoped`` role reads up to ``level`` in rows of its own unit, and up to ``partner`` in all others. An
    ``administrator`` manages accounts. With ``manages_releases`` it may prepare and approve releases. An ``external``
    role reads what was released to its recipient, through a login that has access to nothing else.
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
        """What the role may read: a level, with a lower one outside of the own unit for a scoped role."""
        return ScopedClearance(self.level) if self.scoped else self.level

    def may_create(self, layer: str) -> bool:
        """Whether it may create features of the layer; PostgreSQL decides which."""
        return layer in self.edits and not self.edits[layer]

    @property
    def own_unit_role(self) -> str:
        """The PostgreSQL role that owns the views through which a scoped role reads masked columns of the own unit."""
        return f"cotmoc_{self.name}_own"

    @property
    def read_role(self) -> str:
        """The PostgreSQL role of read-only transactions."""
        return f"cotmoc_{self.name}"

    @property
    def write_role(self) -> str:
        """The PostgreSQL role of writing transactions."""
        return f"cotmoc_{self.name}_edit"


@dataclass(frozen=True)
class Actor:
    """A person, a token or the system, in whose name data are read or changed; ``unit`` is the unit it belongs to.

    An actor of an external role reads the releases to ``recipient``: those in ``releases``, or all if it is empty.
    """

    name: str
    role: Role
    unit: str | None = None
    recipient: str | None = None
    releases: tuple[str, ...] = ()

    @property
    def level(self) -> Level:
        """The level of its role."""
        return self.role.level

    @property
    def clearance(self) -> Clearance:
        """The clearance of its role."""
        return self.role.clearance

    @property
    def may_edit(self) -> bool:
        """Whether its role may change anything; PostgreSQL decides what."""
        return bool(self.role.edits)


application_actors: dict[str, Actor] = {}
"""The declared actors of the application itself, by name."""


def application_actor(name: str, role: Role) -> Actor:
    """Declare an actor of the application itself. No account gets its name, which in the journal means nobody else."""
    application_actors[name] = Actor(name, role)
    return application_actors[name]
