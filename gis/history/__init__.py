"""History and journal triggers, and the access log."""
