"""What `make demo` serves."""
