"""A torture of the store: kills, faults and losses of power, and a referee that knows what has to be there.

``make torture`` runs it; ``docs/durability.md`` says what it does and what it found.
"""
