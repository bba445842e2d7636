"""The pages: each view answers a look with a template's name and its values."""
