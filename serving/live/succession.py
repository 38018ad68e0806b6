"""What the next engine makes of what the one before it left: plain decisions, without a connection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quant.signals import Action
from release.audit import LoggedSignal, Receipt
from serving.live.floor import Floor
from serving.live.position import Ahead, Known
from serving.live.standing import Standing
from serving.messages import LiveMessage, PriceMessage, SignalMessage

Audited = tuple[Receipt, LoggedSignal]


def unsaid(audited: Sequence[Audited]) -> list[SignalMessage]:
    """The messages of signals that were audited and, for all that is known, never said."""
    return [
        SignalMessage(
            ticker=signal.ticker,
            at=signal.at,
            session=signal.session,
            action=Action(signal.action),
            previous=Action(signal.previous),
            confidence=signal.confidence,
            edge_bp=signal.edge_bp,
            reason=signal.reason,
            provisional=signal.provisional,
            release_id=signal.release_id,
            audit_id=receipt.audit_id,
            audit_sha256=receipt.sha256,
        )
        for receipt, signal in audited
    ]


def inheritance(known: Known, late: Sequence[SignalMessage]) -> tuple[Standing, Ahead]:
    """Where the floor goes on if the signals in `late` are said now, and what has been said ahead of the ticks then.

    A late signal is in force, so that the ticks which led to it don't lead to another. But a close's follows from the
    one before it: the ticks will lead to that again, to the very same entry of the log.
    """
    ahead = known.position.ahead
    shown = {message.ticker: message for message in known.messages() if isinstance(message, SignalMessage)}
    shown |= ahead.in_force
    closed = set(ahead.in_force)
    for signal in late:
        if not signal.provisional:
            closed.add(signal.ticker)
        elif signal.ticker not in closed:
            shown[signal.ticker] = signal
    ids = (*ahead.ids, *(signal.audit_id for signal in late if signal.audit_id is not None))
    standing = Standing(market=known.position.market, shown=shown, at_close=known.position.at_close)
    return standing, Ahead(ids=ids, in_force={ticker: shown[ticker] for ticker in closed if ticker in shown})


def lacking(floor: Floor, messages: Iterable[LiveMessage]) -> dict[str, str]:
    """The tickers whose bar isn't what it was when its price was said last, each with what differs."""
    lacks = {}
    for said in messages:
        if isinstance(said, PriceMessage) and (desk := floor.desks.get(said.ticker)) is not None:
            bar = desk.book.closed[-1:] if desk.book.open is None else desk.book.open.bar()
            session, volume = str(bar.session[-1]), float(bar.ohlcv[-1, -1])
            # A bar that has closed is the release's or the feed's own word, and owes nothing to ticks.
            shrunk = desk.book.open is not None and session == said.session and volume != said.volume
            if session < said.session or shrunk:
                lacks[said.ticker] = (
                    f"bar: expected {said.volume:g} shares in {said.session} from the ticks that are kept,"
                    f" got {volume:g} in {session}"
                )
    return lacks
