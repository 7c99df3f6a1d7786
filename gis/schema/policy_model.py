"""The policy: roles, and for each the condition on a row to be read and to be edited."""

from collections.abc import Callable
from dataclasses import dataclass

from gis.db.actors import Role
from gis.model.layer import Layer
from gis.release import publish


@dataclass(frozen=True)
class Policy:
    """The law of the house: its roles, and for each the condition on a layer's row to be seen and to be edited.

    ``functions`` is SQL that the conditions call. A role that is not named sees nothing. ``shared_by`` is the role with
    a partner's eyes, through which whatever is released passes. ``itself`` is the house's own role, which no person
    takes. ``landmarks`` are what addresses are counted from: no address may tell of one that its reader may not see.
    """

    roles: tuple[Role, ...]
    read_condition: Callable[[Role, Layer], str]
    edit_condition: Callable[[Role, Layer], str]
    functions: str = ""
    partner_view_role: Role | None = None
    system_role: Role | None = None
    referent_layer: publish.ReferentLayer | None = None

    @property
    def releasing_roles(self) -> list[Role]:
        """The roles that prepare and approve what leaves the house."""
        return [role for role in self.roles if role.manages_releases]
