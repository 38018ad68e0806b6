"""Where a source that carries nearly everything starts."""

from __future__ import annotations

from typing import Final

# The default universe; any other ticker is a matter of asking the vendor.
START: Final = ("AAPL", "AMZN", "GOOGL", "MSFT", "TSLA")
