"""Coordinate reference systems, coordinates and geometries. The only place with EPSG codes."""
