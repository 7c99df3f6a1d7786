"""The declaration of a layer: fields, code lists, links."""
