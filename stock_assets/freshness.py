"""Whether the lake holds what would be made of a ticker's bars now. How old the bars are is a sensor's question."""

from __future__ import annotations

import hashlib
from typing import Final

from stock_assets.settings import PipelineSettings
from stock_assets.version import code_digest

FINGERPRINT: Final = "fingerprint"


def fingerprint(data_sha256: str, settings: PipelineSettings) -> str:
    """Digest of all that decides a ticker's tables: its bars, the code, the settings that reach the models.

    Where the home lies is none of it: one that was moved or copied is as fresh as it was.
    """
    parts = (data_sha256, code_digest(), str(settings.horizons), settings.source.value, settings.mlflow_uri or "")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
