"""The interfaces of the service: HTTP, OGC API, JSON API, HTML pages, sign-in, command line, and their settings."""
