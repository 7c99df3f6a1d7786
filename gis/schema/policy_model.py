"""The type of a policy: roles, and for each the SQL conditions on the rows that it may read and edit."""

from collections.abc import Callable
from dataclasses import dataclass

from psycopg import sql

from gis.db.actors import Role
from gis.model.layer import Layer
from gis.release.referent import ReferentLayer


@dataclass(frozen=True)
class Policy:
    """Roles, and for each the SQL condition on a row of a layer to be read and to be edited.

    A role that is not listed has no access. ``functions`` is SQL that defines the functions which the conditions call.
    ``partner_view_role`` is the role of level ``partner`` in which releases are read; ``system_role`` is the role of
    the application itself, which no account has. ``referent_layer`` is the layer that addresses are counted from: no
    reader is given an address that is counted from a feature they may not see.
    """

    roles: tuple[Role, ...]
    read_condition: Callable[[Role, Layer], str]
    edit_condition: Callable[[Role, Layer], str]
    functions: sql.Composable
    partner_view_role: Role | None = None
    system_role: Role | None = None
    referent_layer: ReferentLayer | None = None

    @property
    def releasing_roles(self) -> list[Role]:
        """The roles that prepare and approve releases."""
        return [role for role in self.roles if role.manages_releases]
