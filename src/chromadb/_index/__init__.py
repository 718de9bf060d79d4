"""The index: what is derived from the records to search them. In memory, blind to where the records are kept.

Everything here is immutable once made: a snapshot can be searched while the next one is being made.
"""
