"""However the bars arrive, the same is stored; whatever is restated, no two histories are mixed."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from upath import UPath

from stock_assets.ingest.comparison import FIELDS
from stock_assets.ingest.refresh import accept, commit, reject, take_in
from stock_assets.ingest.vault import Vault
from stock_assets.resources.lake import Lake
from stock_assets.settings import RestatementPolicy
from stock_assets.sources.market_data import Fetched, Provenance
from stock_assets.sources.rows import Rows, admit

TICKER, NOW = "IBM", datetime(2013, 3, 2, 12, 0, tzinfo=UTC)
SESSIONS = 60
POLICIES = st.sampled_from(RestatementPolicy)
NUMBERS = itertools.count()
PRICES = [field for field in FIELDS if field != "volume"]

# A factor that no tolerance takes for rounding, up or down.
factors = st.floats(2e-3, 0.5).map(lambda x: 1 + x) | st.floats(2e-3, 0.3).map(lambda x: 1 - x)


@pytest.fixture(scope="session")
def ingest(calendar):
    """One refresh; each under a later clock than the one before."""
    moments = itertools.count()

    def ingested(vault: Vault, source, *, policy=RestatementPolicy.HOLD, overlap: int = 10):
        now = NOW + timedelta(seconds=next(moments))
        intake = take_in(
            TICKER, source=source, vault=vault, calendar=calendar, now=now, end=None, policy=policy, overlap=overlap
        )
        commit(vault, intake)
        return intake

    return ingested


def new_vault() -> Vault:
    return Vault(Lake(UPath(f"memory://ingest-{next(NUMBERS)}")))


class Delivered:
    """A local source that delivers one fetch."""

    remote = False

    def __init__(self, fetched: Fetched) -> None:
        self._fetched = fetched

    def tickers(self):
        return (TICKER,)

    def require(self, ticker):
        assert ticker == TICKER

    def fetch(self, ticker, start=None, end=None):
        assert (ticker, start, end) == (TICKER, None, None)
        return self._fetched


@given(
    lengths=st.lists(st.integers(1, SESSIONS), min_size=1, max_size=6).map(sorted),
    overlap=st.integers(1, 80),
    remote=st.booleans(),
    policy=POLICIES,
)
def test_growing_refreshes_store_what_one_backfill_does(
    vendor_of, bars, same, ingest, lengths, overlap, remote, policy
):
    vault = new_vault()
    for length in (*lengths, SESSIONS):
        ingest(vault, vendor_of(bars[:length], remote=remote), overlap=overlap, policy=policy)

    assert same(vault.read(TICKER).bars, bars)
    assert len(vault.restatements(TICKER)) == 0


@given(data=st.data())
@settings(max_examples=60)
def test_any_permutation_duplication_and_cutting_of_the_rows_stores_the_same(bars, same, ingest, data):
    conflicting = data.draw(st.sets(st.integers(0, SESSIONS - 1), max_size=3), label="sessions told twice otherwise")
    rows = np.concatenate([np.arange(SESSIONS), np.array(sorted(conflicting), dtype=int)])
    otherwise = np.arange(len(rows)) >= SESSIONS
    again = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=30), label="rows said again")
    cuts = data.draw(st.lists(st.integers(0, len(rows)), max_size=4), label="where the file is cut")
    pieces = np.split(np.concatenate([np.arange(len(rows)), np.array(again, dtype=int)]), sorted(cuts))
    order = np.concatenate([pieces[i] for i in data.draw(st.permutations(range(len(pieces))))])
    if data.draw(st.booleans(), label="shuffled besides"):
        order = np.array(data.draw(st.permutations(order.tolist())))

    stored = []
    for taken in (np.arange(len(rows)), order):
        ohlcv = bars.ohlcv[rows[taken]] * np.where(otherwise[taken], 1.01, 1.0)[:, None]
        told = Rows(
            session=bars.session[rows[taken]],
            ohlcv=ohlcv,
            split=bars.split[rows[taken]],
            dividend=bars.dividend[rows[taken]],
        )
        vault = new_vault()
        ingest(vault, Delivered(admit(told, provenance=Provenance(source="files", origin="bars.csv"))))
        stored.append((vault.read(TICKER), vault.quarantine(TICKER).drop(columns="seen_at")))

    (plain, refused), (mingled, refused_too) = stored
    assert same(plain.bars, mingled.bars)
    assert len(plain.bars) == SESSIONS - len(conflicting)
    assert plain.fetch_digest == mingled.fetch_digest
    assert refused.equals(refused_too)


@given(data=st.data(), policy=POLICIES, remote=st.booleans())
def test_a_restatement_anywhere_in_the_overlap_is_never_mixed_in(
    vendor_of, bars, same, ingest, telling, data, policy, remote
):
    overlap, stored = data.draw(st.integers(1, 20)), data.draw(st.integers(25, SESSIONS - 1))
    cells = st.tuples(st.integers(0, SESSIONS - 1), st.sampled_from(FIELDS), factors)
    told = bars
    seen = data.draw(st.integers(stored - 1 - overlap, stored - 1)), data.draw(st.sampled_from(PRICES)), 1.25
    for row, field, factor in (*data.draw(st.lists(cells, max_size=5)), seen):
        told = telling(told, row, **{field: factor})
    vault = new_vault()
    ingest(vault, vendor_of(bars[:stored], remote=remote))

    intake = ingest(vault, vendor_of(told, remote=remote), policy=policy, overlap=overlap)

    in_force = vault.read(TICKER).bars
    assert intake.restatements
    if policy is RestatementPolicy.HOLD:
        assert same(in_force, bars[:stored])
        assert same(vault.held(TICKER).bars, told)
    else:
        assert same(in_force, told)


@given(data=st.data())
@settings(max_examples=50)
def test_through_any_tellings_and_decisions_what_is_stored_is_one_telling(vendor_of, bars, same, ingest, divided, data):
    """Tellings differ in scale, so that two of them in one table would show."""
    tellings = {scale: divided(bars, scale) for scale in (1.0, 2.0, 5.0)}
    vault = new_vault()
    for _ in range(data.draw(st.integers(1, 6))):
        scale, length = data.draw(st.sampled_from(sorted(tellings))), data.draw(st.integers(20, SESSIONS))
        source = vendor_of(tellings[scale][:length], remote=data.draw(st.booleans()))
        ingest(vault, source, policy=data.draw(POLICIES))
        if vault.held(TICKER) is not None and data.draw(st.booleans()):
            accept(vault, TICKER, NOW)

        in_force = vault.read(TICKER).bars
        assert any(same(in_force, telling[: len(in_force)]) for telling in tellings.values())


@given(data=st.data(), remote=st.booleans())
@settings(max_examples=40)
def test_a_refresh_done_again_changes_nothing(vendor_of, bars, same, ingest, telling, data, remote):
    vault, told = new_vault(), bars
    ingest(vault, vendor_of(bars[: data.draw(st.integers(20, SESSIONS))], remote=remote))
    for row, field, factor in data.draw(
        st.lists(st.tuples(st.integers(0, SESSIONS - 1), st.sampled_from(FIELDS), factors), max_size=3)
    ):
        told = telling(told, row, **{field: factor})
    policy = data.draw(POLICIES)
    ingest(vault, vendor_of(told, remote=remote), policy=policy)
    once = vault.read(TICKER).bars, vault.restatements(TICKER), vault.quarantine(TICKER)
    if vault.held(TICKER) is not None and data.draw(st.booleans(), label="rejected"):
        reject(vault, TICKER, NOW)
        ingest(vault, vendor_of(told, remote=remote), policy=policy)
        once = vault.read(TICKER).bars, vault.restatements(TICKER), vault.quarantine(TICKER)

    ingest(vault, vendor_of(told, remote=remote), policy=policy)

    assert same(vault.read(TICKER).bars, once[0])
    assert vault.restatements(TICKER).equals(once[1])
    assert vault.quarantine(TICKER).equals(once[2])
