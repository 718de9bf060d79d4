"""What the system below gives: names and bytes that stay, locks that end with their process, forks, memory.

Knows neither SQLite's files nor what is in them, but translates the failures of both SQLite and the system into ours.
"""
