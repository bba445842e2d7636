"""A Starlette application that builds sales reports."""
