"""The page that tells what was trained on what, what it can and can't do, and its figures beside the baselines."""

from __future__ import annotations

from collections.abc import Sequence

from release.manifest import Refusal
from release.writer import DraftTicker


def release_card(tickers: Sequence[DraftTicker], refused: Sequence[Refusal], *, as_of: str) -> str:
    """A release's model card in Markdown."""
    lines = [
        f"# Model card, as of {as_of}",
        "",
        "| ticker | horizon | return R2 | historical mean |",
        "|---|---|---|---|",
    ]
    for ticker in tickers:
        for horizon, scores in ticker.metrics.items():
            row = (
                ticker.lineage.ticker,
                horizon,
                f"{scores.return_r2:+.5f}",
                f"{scores.return_r2_historical_mean:+.5f}",
            )
            lines.append("| " + " | ".join(map(str, row)) + " |")
    lines += ["", *(f"Refused: {refusal.ticker}: {refusal.reason}" for refusal in refused)]
    return "\n".join(lines) + "\n"
