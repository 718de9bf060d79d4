"""Embedding functions: the protocol, the registry, the default model and the providers."""
