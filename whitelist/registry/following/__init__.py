"""Keeping zones in step with their name servers and files: when, from whom, and how it went."""
