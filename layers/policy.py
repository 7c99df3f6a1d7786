"""The law of the house on one page: who may see and who may edit.

Rows are marked ``public``, ``partner``, ``internal`` or ``restricted``; a reader sees what is marked up to the own
level. Columns are marked on the cards in the same words. ``gis.rights`` turns this page into PostgreSQL's own row
policies and grants; nothing else decides.
"""

from gis.database import Actor
from gis.fields import Level
from gis.language import Text
from gis.rights import Policy, Rule

OFFICE = Actor("office", Level.RESTRICTED, may_edit=True)
"""The standing office. Until accounts exist, whoever sits at the machine acts as the office."""

PARTNER = Actor("partner", Level.PARTNER)
"""A reader of partner level: sees what may be shared, and no assumed position."""

PUBLIC = Actor("public", Level.PUBLIC)
"""Anybody."""

POLICY = Policy(
    see=Rule(
        condition=lambda level: f"level <= '{level}'::app.level",
        reason=Text("Chỉ xem được mục có mức phổ biến đến mức của mình", "Rows are seen up to the reader's own level"),
    ),
    edit=Rule(
        condition=lambda level: f"level <= '{level}'::app.level",
        reason=Text("Chỉ sửa được mục mình xem được", "Rows are edited by those who may see them"),
    ),
    editors=(Level.INTERNAL, Level.RESTRICTED),
)
