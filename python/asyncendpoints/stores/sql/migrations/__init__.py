"""How the tables came from each version to the next: one module in `versions` for each, run with alembic."""
