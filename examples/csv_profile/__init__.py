"""A FastAPI application that profiles uploaded CSV files column by column."""
