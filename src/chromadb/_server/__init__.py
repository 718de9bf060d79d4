"""The HTTP server: an ASGI application made from the route table, and what runs it."""
