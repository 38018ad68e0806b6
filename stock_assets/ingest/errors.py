"""What ingestion refuses to do. `stock_assets.errors` holds the tree's root."""

from stock_assets.errors import StockAssetsError


class IngestError(StockAssetsError):
    """A vault that can't be changed as asked."""


class VaultChanged(IngestError):
    """Somebody else took bars of the ticker in meanwhile; what was decided no longer fits what is stored."""


class NothingHeld(IngestError):
    """A decision on a fetch that is not there."""
