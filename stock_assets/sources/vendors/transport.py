"""Asking a vendor over HTTP: timeouts, retries, a budget, a few at a time, and answers kept on disk.

What an answer has to hold is each vendor's own; here it only has to arrive whole.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from http import HTTPStatus
from random import Random
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from release.clock import Clock, SystemClock
from release.files import sha256
from stock_assets.errors import VendorRefused, VendorUnavailable
from stock_assets.settings import PipelineSettings
from stock_assets.sources.vendors.budget import Budget
from stock_assets.sources.vendors.logs import log
from stock_assets.sources.vendors.response_cache import Address, Answer, ResponseCache
from stock_assets.sources.vendors.turnstile import turn

if TYPE_CHECKING:
    import tenacity

# A vendor that asks for more is not waited for; the next refresh will do.
PATIENCE_SECONDS: Final = 120.0
FIRST_BACKOFF_SECONDS: Final = 1.0
LONGEST_BACKOFF_SECONDS: Final = 30.0
# An answer that keeps trickling is given up after so many timeouts in all.
TIMEOUTS_PER_ANSWER: Final = 3
# Besides every 5xx: what says nothing about the request itself.
PASSING: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Time, waiting and chance, so that tests take none of them."""

    clock: Clock = field(default_factory=SystemClock)
    sleep: Callable[[float], None] = time.sleep
    rng: Random = field(default_factory=Random)


class _Again(Exception):
    """An attempt that may go better the next time; the message says what came."""


class Transport:
    """The way to one vendor, and to no other address.

    Parameters
    ----------
    vendor : str
        Its name in messages and logs.
    base_url : str
        Where it is; a redirect to anywhere is refused.
    settings : PipelineSettings
    pace : Pace
    browser : str, optional
        The browser whose TLS handshake is spoken, for a vendor that turns others away.
    """

    def __init__(
        self, vendor: str, *, base_url: str, settings: PipelineSettings, pace: Pace, browser: str | None = None
    ) -> None:
        self.vendor = vendor
        self.base_url = base_url.rstrip("/")
        self.cache = ResponseCache(settings.responses)
        self._settings = settings
        self._pace = pace
        self._browser = browser
        self._budget = Budget(vendor, per_hour=settings.request_budget, clock=pace.clock)
        self._closed_until = datetime.min.replace(tzinfo=UTC)

    def get(
        self,
        path: str,
        params: Mapping[str, str],
        *,
        about: str,
        accept: Callable[[Answer], object],
        headers: Mapping[str, str] | None = None,
        fresh_for: timedelta | None = None,
    ) -> Answer:
        """An answer that `accept` let pass, from disk if there is one that is young enough.

        Parameters
        ----------
        path, params
            Below the vendor's address. No secrets: they name the answer on disk.
        about : str
            The ticker, for messages and logs.
        accept : callable
            Raises what is wrong with an answer; nothing that it refuses is kept.
        headers : mapping, optional
            The place for keys: never kept, never logged.
        fresh_for : timedelta, optional
            How young an answer from disk has to be, by default as the settings say.

        Raises
        ------
        VendorUnavailable
            If no whole answer came within the attempts that the settings allow, or the vendor asks for a long wait.
        VendorRefused
            If it sends elsewhere.
        BudgetSpent
        """
        address = Address(self.base_url + path, tuple(sorted(params.items())))
        fresh_for = timedelta(minutes=self._settings.response_minutes) if fresh_for is None else fresh_for
        answer = self.cache.newest(address, now=self._pace.clock.now(), fresh_for=fresh_for)
        if answer is None:
            answer = self._ask_until_whole(address, headers or {}, about=about)
        accept(answer)
        if not answer.from_cache and answer.status == HTTPStatus.OK:
            self.cache.keep(answer, at=self._pace.clock.now())
        return answer

    def _ask_until_whole(self, address: Address, headers: Mapping[str, str], *, about: str) -> Answer:
        # Only those who ask a vendor have to load it.
        import tenacity

        attempts = self._settings.request_attempts
        retrying = tenacity.Retrying(
            sleep=self._pace.sleep,
            stop=tenacity.stop_after_attempt(attempts),
            wait=self._backoff,
            retry=tenacity.retry_if_exception_type(_Again),
            before_sleep=lambda state: self._log_retry(state, about=about),
            reraise=True,
        )
        try:
            return retrying(self._attempt, address, headers, about=about)
        except _Again as last:
            tries = f"{attempts} attempt{'s' if attempts > 1 else ''}"
            message = f"{self.vendor}: expected an answer for {about} within {tries}, got {last}"
            raise VendorUnavailable(message) from last.__cause__

    def _backoff(self, state: tenacity.RetryCallState) -> float:
        """Seconds: exponential with full jitter; what the vendor asks for is waited for by the next attempt."""
        ceiling = FIRST_BACKOFF_SECONDS * 2.0 ** (state.attempt_number - 1)
        return self._pace.rng.uniform(0.0, min(LONGEST_BACKOFF_SECONDS, ceiling))

    def _log_retry(self, state: tenacity.RetryCallState, *, about: str) -> None:
        reason = state.outcome.exception() if state.outcome else None
        log.warning(
            "vendor_asked_again", vendor=self.vendor, about=about, attempt=state.attempt_number, got=str(reason)
        )

    def _attempt(self, address: Address, headers: Mapping[str, str], *, about: str) -> Answer:
        self._wait_until_open(about=about)
        self._budget.spend(about=about)
        with turn(self._settings.responses / "turns" / self.vendor, sleep=self._pace.sleep):
            answer = self._ask(address, headers)
        log.debug(
            "vendor_answered", vendor=self.vendor, about=about, status=answer.status, bytes=len(answer.body),
            address=str(address), sha256=answer.sha256,
        )  # fmt: skip
        if answer.status in PASSING or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._closed_until = max(self._closed_until, self._open_again(answer))
            self._refuse_long_waits(about=about, status=answer.status)
            raise _Again(f"status {answer.status}")
        if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
            host = urlsplit(answer.headers.get("location", "")).netloc or "elsewhere"
            raise VendorRefused(
                f"{self.vendor}: expected an answer for {about} from {self.base_url}, was sent to {host}"
            )
        return answer

    def _open_again(self, answer: Answer) -> datetime:
        """From when on the vendor wants to be asked: its Retry-After, in seconds or as a date; now without one."""
        now, said = self._pace.clock.now(), answer.headers.get("retry-after", "").strip()
        if said.isdecimal():
            return now + timedelta(seconds=min(int(said), 10**9))
        try:
            moment = parsedate_to_datetime(said)
        except ValueError:
            return now
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    def _wait_until_open(self, *, about: str) -> None:
        self._refuse_long_waits(about=about)
        seconds = (self._closed_until - self._pace.clock.now()).total_seconds()
        if seconds > 0:
            self._pace.sleep(seconds)

    def _refuse_long_waits(self, *, about: str, status: int | None = None) -> None:
        seconds = (self._closed_until - self._pace.clock.now()).total_seconds()
        if seconds > PATIENCE_SECONDS:
            said = f"status {status}" if status else "no leave to ask yet"
            raise VendorUnavailable(
                f"{self.vendor}: expected an answer for {about} within {PATIENCE_SECONDS:.0f} s, got {said}: "
                f"the vendor asks to wait {seconds:.0f} s"
            )

    @cached_property
    def _session(self) -> Any:
        from curl_cffi import CurlOpt, requests

        timeout = self._settings.request_timeout_seconds
        return requests.Session(
            impersonate=self._browser,
            allow_redirects=False,
            timeout=(timeout, timeout * TIMEOUTS_PER_ANSWER),
            # Whole seconds are all that libcurl counts in here.
            curl_options={CurlOpt.LOW_SPEED_LIMIT: 1, CurlOpt.LOW_SPEED_TIME: math.ceil(timeout)},
        )

    def _ask(self, address: Address, headers: Mapping[str, str]) -> Answer:
        """One request; `_Again` for whatever kept an answer from arriving whole, a body cut short among it."""
        from curl_cffi.requests import exceptions

        try:
            response = self._session.get(address.url, params=dict(address.params), headers=dict(headers))
        except exceptions.Timeout as error:
            raise _Again(f"none within the timeout of {self._settings.request_timeout_seconds:g} s") from error
        except exceptions.IncompleteRead as error:
            raise _Again("a body cut short") from error
        except (exceptions.InvalidURL, exceptions.InvalidSchema, exceptions.CertificateVerifyError) as error:
            raise VendorUnavailable(
                f"{self.vendor}: expected a vendor at {self.base_url}, got {_plain(error)}"
            ) from error
        except exceptions.RequestException as error:
            raise _Again(_plain(error)) from error
        return Answer(
            address=address,
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items() if value is not None},
            body=response.content,
            sha256=sha256(response.content),
        )


def _plain(error: Exception) -> str:
    """What libcurl said, without where to read about it."""
    text = " ".join(str(error).split()).partition(" See http")[0]
    return text.removeprefix("Failed to perform, ").rstrip(".")
