"""What no linter checks for us: `python -m checks` runs them all and fails with one line for each finding."""
