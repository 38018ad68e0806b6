"""The log of what is asked of vendors: structured, and through Python's own logging, which the pipeline's processes
own: a command's output stays its own, and Dagster shows it with the run that asked.
"""

from __future__ import annotations

import logging

import structlog

log: structlog.stdlib.BoundLogger = structlog.wrap_logger(
    logging.getLogger("stock_assets.vendors"),
    processors=[
        structlog.stdlib.filter_by_level,
        structlog.processors.KeyValueRenderer(key_order=["event", "vendor", "about"]),
    ],
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
