"""One module for each version of the tables, which alembic loads.

Each describes the tables in its own words and not in those of `tables`, which has the present ones: what has been
released is never changed again.
"""
