"""What the server answers about the audit log, whose format is `release.audit`'s."""
