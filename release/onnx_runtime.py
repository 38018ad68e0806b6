"""onnxruntime, imported here and nowhere else, because it has to be told beforehand not to call home."""

from __future__ import annotations

import os

# From version 1.29 on, its import alone leaves an identifier in the user's home folder and starts to send events.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

__all__ = ["onnxruntime"]
