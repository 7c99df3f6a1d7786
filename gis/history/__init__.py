"""Change history: the history and journal triggers, and the access log."""
