"""The command line: what a person types. Work itself stands elsewhere; here are options, progress and words.

`--help` must stay quick, so Dagster, MLflow and pandas are imported inside the commands that need them.
"""
