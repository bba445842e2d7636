"""What the tests of the dashboard look at."""
