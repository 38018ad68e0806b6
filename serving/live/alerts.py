"""Which alerts are raised: each is said when it begins, when it changes, and when it is over, and not in between."""

from __future__ import annotations

from collections.abc import Iterable

from release.clock import Clock
from serving.messages import AlertKind, AlertMessage, LiveMessage, Severity


class Alerts:
    """The engine's alerts.

    Parameters
    ----------
    clock : Clock
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._raised: dict[tuple[AlertKind, str], AlertMessage] = {}
        self._news: list[AlertMessage] = []

    def inherit(self, messages: Iterable[LiveMessage]) -> None:
        """Go on with the alerts that an engine before this one has raised: whether they are over is ours to say now."""
        alerts = [message for message in messages if isinstance(message, AlertMessage)]
        self._raised = {(alert.kind, alert.subject): alert for alert in alerts}
        self._news = []

    def raise_(self, kind: AlertKind, subject: str, text: str, *, severity: Severity = Severity.WARNING) -> None:
        """It is so; no news if it was, with the same text."""
        before = self._raised.get((kind, subject))
        if before is None or before.text != text:
            self._say(kind, subject, text, severity, active=True)

    def clear(self, kind: AlertKind, subject: str | None = None) -> None:
        """It is over, for all subjects if none is named; no news if it never was."""
        for raised, about in list(self._raised):
            if raised is kind and subject in (None, about):
                before = self._raised[raised, about]
                self._say(kind, about, before.text, before.severity, active=False)

    def subjects(self, kind: AlertKind) -> set[str]:
        """What alerts of that kind are about."""
        return {about for raised, about in self._raised if raised is kind}

    def news(self) -> list[AlertMessage]:
        """What there is to say since the last call."""
        news, self._news = self._news, []
        return news

    def _say(self, kind: AlertKind, subject: str, text: str, severity: Severity, *, active: bool) -> None:
        alert = AlertMessage(
            at=self._clock.now(), kind=kind, severity=severity, subject=subject, text=text, active=active
        )
        if active:
            self._raised[kind, subject] = alert
        else:
            self._raised.pop((kind, subject))
        self._news.append(alert)
