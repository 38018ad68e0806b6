"""What learning refuses to do. `stock_assets.errors` holds the tree's root."""

from collections.abc import Iterator
from contextlib import contextmanager

from quant.errors import QuantError
from stock_assets.errors import StockAssetsError


class LearningError(StockAssetsError):
    """A data set, a model or a set of forecasts that can't be learned from or shipped."""


class TooLittleHistory(LearningError):
    """Fewer bars than training and an honest evaluation need."""


class ExportRefused(LearningError):
    """The ONNX graph does not say what the fitted model says."""


class NothingFound(LearningError):
    """A tuner that came to no settings it could use."""


class NothingToLearn(LearningError):
    """Rows whose outcomes or features leave nothing to fit: prices that stand still, values that are not finite."""


@contextmanager
def named(ticker: str) -> Iterator[None]:
    """Put the ticker before what is refused inside: tuners, baselines and exports know rows and families only."""
    try:
        yield
    except (LearningError, QuantError) as error:
        raise type(error)(f"{ticker}: {error}") from error
