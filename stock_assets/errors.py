"""The exceptions of `stock_assets`; every message is one line for a person, "expected X, got Y"."""


class StockAssetsError(Exception):
    """Anything that keeps a table from being made, read or handed on."""


class SourceError(StockAssetsError):
    """Market data that can't be had as it should be."""


class DataNotFound(SourceError):
    """A path that leads nowhere, or to nothing that holds market data."""


class DataUnreadable(SourceError):
    """A file that is there and is not what its name says: binary, cut off, an error page saved as a table."""


class DataEmpty(SourceError):
    """A file or a ticker without a single bar."""


class MissingColumn(SourceError):
    """A table that lacks a column; the message names it and those that are there."""


class BadValue(SourceError):
    """A cell that is no date or number; the message names ticker, date and value."""


class WrongTicker(SourceError):
    """Data that says of itself that it is another ticker's."""


class ErrorBody(SourceError):
    """A vendor's error message where market data was due, in a file or in an answer with status 200."""


class VendorUnavailable(SourceError):
    """A vendor that did not answer usably in as many attempts as it was given; what is stored stays in force."""


class VendorRefused(SourceError):
    """A vendor that answered and will not serve: keys that are missing or wrong, a request it does not understand."""


class BudgetSpent(SourceError):
    """The requests that a process may make of a vendor in an hour are used up."""


class UnknownTicker(SourceError):
    """A ticker that the source does not carry; the message names those it does."""


class UnknownExchange(StockAssetsError):
    """An exchange without a calendar, or a date that its calendar doesn't reach."""


class NotMaterialized(StockAssetsError):
    """A table of the lake that nobody has made yet."""


class LakeUnreadable(StockAssetsError):
    """A file of the lake that is damaged or of another version."""


class NothingToPublish(StockAssetsError):
    """No ticker has a champion, so there is no release to make."""


class SignalsOfAnother(StockAssetsError):
    """Signals that another model has made than the one in force."""


class HomeUnwritable(StockAssetsError):
    """The home can't be made or written."""


class BadSelection(StockAssetsError):
    """A selection of assets that can't be read or picks none of a ticker's chain."""
