"""The newest of everything that a client has been told."""

from __future__ import annotations

import msgspec

from serving.messages import (
    AlertKind,
    AlertMessage,
    LiveMessage,
    PortfolioMessage,
    PredictionMessage,
    PriceMessage,
    SignalMessage,
    StatusMessage,
)
from serving.protocol import Snapshot


class State(msgspec.Struct, kw_only=True):
    """What is known of what was subscribed to, up to `seq` of the engine's run `epoch`.

    Attributes
    ----------
    prices, predictions, signals : dict
        The newest message by ticker.
    alerts : dict
        Those that are active, by kind and subject.
    epoch : str or None
        None before an engine has spoken.
    stale : str or None
        Why all this may be out of date; None while it is not.
    skipped : int
        Frames and messages of a kind that this client doesn't know, since it was made.
    """

    prices: dict[str, PriceMessage] = {}
    predictions: dict[str, PredictionMessage] = {}
    signals: dict[str, SignalMessage] = {}
    portfolio: PortfolioMessage | None = None
    alerts: dict[tuple[AlertKind, str], AlertMessage] = {}
    status: StatusMessage | None = None
    epoch: str | None = None
    seq: int = 0
    release_id: str | None = None
    stale: str | None = "nothing was told yet"
    skipped: int = 0

    def replace(self, snapshot: Snapshot) -> None:
        """Forget what was known, and know this."""
        self.prices = {message.ticker: message for message in snapshot.prices}
        self.predictions = {message.ticker: message for message in snapshot.predictions}
        self.signals = {message.ticker: message for message in snapshot.signals}
        self.alerts = {(message.kind, message.subject): message for message in snapshot.alerts}
        self.portfolio, self.status = snapshot.portfolio, snapshot.status
        self.epoch, self.seq, self.release_id = snapshot.epoch, snapshot.seq, snapshot.release_id
        self.stale = None

    def apply(self, message: LiveMessage) -> None:
        """Put a message in the place of the one that it replaces."""
        match message:
            case PriceMessage():
                self.prices[message.ticker] = message
            case PredictionMessage():
                self.predictions[message.ticker] = message
            case SignalMessage():
                self.signals[message.ticker] = message
            case PortfolioMessage():
                self.portfolio = message
            case StatusMessage():
                self.status = message
            case AlertMessage() if message.active:
                self.alerts[message.kind, message.subject] = message
            case AlertMessage():
                self.alerts.pop((message.kind, message.subject), None)

    def copy(self) -> State:
        """The state as it is now; the messages themselves never change."""
        return msgspec.structs.replace(
            self,
            prices=self.prices.copy(),
            predictions=self.predictions.copy(),
            signals=self.signals.copy(),
            alerts=self.alerts.copy(),
        )
