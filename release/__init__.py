"""The contract between the graph and the server: what a release folder holds, its writer and its verifying reader.

Also home to the small things both sides need the same answer to: the clock, the live audit log's format, how to log.
No Dagster and no HTTP.
"""
