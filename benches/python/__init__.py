"""Measurements through Python: in process, over HTTP, at rest."""
