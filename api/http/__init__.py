"""HTTP: security, dependencies, content negotiation, errors and the server protocol."""
