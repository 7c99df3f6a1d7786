"""The pages: each module renders its templates from plain data."""
