"""Small complete applications, each started by a test and used over HTTP."""
