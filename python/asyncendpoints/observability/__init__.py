"""What operators see: log records that name their job."""
