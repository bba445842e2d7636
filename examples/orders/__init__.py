"""A FastAPI application that stores its own rows and submits jobs in one transaction."""
