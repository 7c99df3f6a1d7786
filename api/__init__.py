"""The doors: HTTP, OGC API, tiles, files, the command line, identity and settings."""
