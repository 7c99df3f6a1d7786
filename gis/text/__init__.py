"""Text: languages, dates, Unicode folding, and the errors with their messages."""
