"""A FastAPI application with authentication, owners and a database session in the worker."""
