"""The roles of links: what the target of a link is to the feature that links to it."""

from gis.model import LinkRole, declare_link_roles

declare_link_roles(
    LinkRole("subject", gives_location=True),  # what the feature is about
    LinkRole("site", gives_location=True),  # where it is carried out
    LinkRole("document"),  # the document on which it is based
    LinkRole("parent"),  # what it is part of
    LinkRole("continues"),  # what it continues
    LinkRole("gate", gives_location=True),  # the gate that it belongs to
)
