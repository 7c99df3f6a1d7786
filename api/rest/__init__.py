"""The JSON API beside the OGC one."""
