"""MLflow's model registry: a model a ticker, whose versions the aliases ``champion`` and ``challenger`` point at.

Runs and what is logged to them are `resources.tracking`'s. The aliases follow the lake, where the version in force is:
they are set just before it changes and again at every decision, so that one that was left behind is put right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from stock_assets.errors import StockAssetsError
from stock_assets.resources.stopwatch import timed

CHALLENGER: Final = "challenger"
CHAMPION: Final = "champion"
# MLflow takes a hundred tags at a time.
TAGS_AT_ONCE: Final = 100


class RegistryUnavailable(StockAssetsError):
    """An MLflow that can't be reached, or doesn't have what it should; the message names where it was looked for."""


def model_name(ticker: str) -> str:
    """The registered model's name; MLflow wants no slash or colon in it."""
    return f"stock-assets-{ticker}"


@timed("champion")
def log_decision(
    client: Any,
    ticker: str,
    version: str,
    *,
    run_id: str,
    tags: Mapping[str, str],
    figures: Mapping[str, float],
    champion: str | None,
) -> None:
    """Say what was decided of a version on it and on its run, and have ``champion`` point at the version in force.

    Parameters
    ----------
    client : MlflowClient
    ticker, version : str
    run_id : str
        Of the version's training.
    tags : mapping of str
        What a person wants to read: on the run and on the version.
    figures : mapping of float
        On the run, as tags ``promotion.<name>``.
    champion : str or None
        The version that is to be in force after this; None leaves the alias alone.

    Raises
    ------
    RegistryUnavailable
    """
    from mlflow.entities import RunTag

    told = {**tags, **{f"promotion.{name}": f"{value:.6g}" for name, value in figures.items()}}
    listed = [RunTag(name, value) for name, value in told.items()]
    with answering(client.tracking_uri):
        for start in range(0, len(listed), TAGS_AT_ONCE):
            client.log_batch(run_id, tags=listed[start : start + TAGS_AT_ONCE])
        for name, value in tags.items():
            client.set_model_version_tag(model_name(ticker), version, name, value)
        if champion is not None:
            client.set_registered_model_alias(model_name(ticker), CHAMPION, champion)


@contextmanager
def answering(uri: str) -> Iterator[None]:
    """Whatever MLflow raises in the block becomes `RegistryUnavailable`, without the password of its address."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        told = f"mlflow: expected it to answer at {uri}, got {' '.join(str(_origin(error)).split())}"
        raise RegistryUnavailable(re.sub(r"(?<=://)[^/@\s]+@", "", told)) from error


def _origin(error: BaseException) -> BaseException:
    """What it all began with: a refused connection says more than the four exceptions it was wrapped into."""
    while (before := error.__cause__ or error.__context__) is not None:
        error = before
    return error
