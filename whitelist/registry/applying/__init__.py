"""Bringing the tables in step with what a source says: all of it, nothing, or held."""
