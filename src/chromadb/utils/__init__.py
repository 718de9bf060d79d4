"""Public helpers around the client."""
