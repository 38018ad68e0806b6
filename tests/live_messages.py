"""What an engine may say, for tests in which it matters who hears it and not what it says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from quant.signals import Action
from serving.messages import PriceMessage, SignalMessage

NOW: Final = datetime(2026, 11, 23, 15, 4, 5, tzinfo=UTC)
RELEASE: Final = "2012-03-01-0123456789ab"
SESSION: Final = "2012-03-02"


def price(ticker: str, value: float, *, session: str = SESSION) -> PriceMessage:
    """A price during a session."""
    return PriceMessage(ticker=ticker, session=session, at=NOW, price=value, volume=1e6, provisional=True)


def signal(ticker: str, audit_id: int | None, action: Action = Action.BUY) -> SignalMessage:
    """A signal that is that entry of the audit log, or came with the release."""
    return SignalMessage(
        ticker=ticker,
        at=NOW,
        session=SESSION,
        action=action,
        previous=Action.HOLD,
        confidence=52.3,
        edge_bp=8.1,
        reason="expected +8.1 bp",
        provisional=True,
        release_id=RELEASE,
        audit_id=audit_id,
    )
