"""The contract between the graph and the server: what a release folder holds, its writer and its verifying reader.

Also home to the two small things both sides need the same answer to: the clock and the live audit log's format.
No Dagster and no HTTP.
"""
