"""The pages: each module turns plain data into the context of its template, and renders it."""
