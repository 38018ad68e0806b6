"""The Dagster code location, the learning it orchestrates and the command line. Nothing here serves a client."""
