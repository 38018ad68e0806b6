"""MLflow's model registry: a model a ticker, whose versions the aliases ``champion`` and ``challenger`` point at.

Runs and what is logged to them are `resources.tracking`'s.
"""

from __future__ import annotations

from typing import Any, Final

from stock_assets.resources.stopwatch import timed

CHALLENGER: Final = "challenger"
CHAMPION: Final = "champion"


def model_name(ticker: str) -> str:
    """The registered model's name; MLflow wants no slash or colon in it."""
    return f"stock-assets-{ticker}"


@timed("champion")
def log_decision(run: Any, ticker: str, registered: str, *, promoted: bool, reason: str) -> None:
    """Tag the run with the promotion's verdict and, if promoted, make the version the champion."""
    run.set_tags({"promoted": str(promoted).lower(), "promotion": reason})
    if promoted:
        run.MlflowClient().set_registered_model_alias(model_name(ticker), CHAMPION, registered)
