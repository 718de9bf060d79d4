"""The index: what is derived from the records to search them, blind to where they are kept.

Snapshots, vectors, columns and segments do not change once they are made: one can be searched while the next is made.
"""
