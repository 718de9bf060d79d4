"""Copies of the data of one commit: of a collection, for a fork, and of everything, for a backup."""
