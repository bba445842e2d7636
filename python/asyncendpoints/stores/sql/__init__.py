"""The stores that keep jobs in a SQL database, with SQLAlchemy, which is imported nowhere else in the package."""
