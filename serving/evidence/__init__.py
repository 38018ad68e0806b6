"""What forecasts and signals have been worth: out of sample, by the release; since they went live, by the audit log."""
