"""81 real files of a vendor's: 37 bad ones beside the same mended by others, and 7 controls.

Prices of that vendor are restated for splits; they are put back on each day's share count first. A session stands for
a row here, some files are weekly or hourly; their calendar is their own. What stands in `PAIRS` was seen in the files
by a person, and is told by nothing but the rules.
"""

from __future__ import annotations

import enum
import io
import tarfile
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from shared_data import shared_data

from quant.bars import VOLUME, Bars, Convention, Floats, log_returns
from quant.basis import as_traded, later_splits
from quant.evidence import adjusted_steps
from quant.faults import Fault, Rule, faults
from quant.quality import examine
from quant.repair import Repaired, repair
from quant.sessions import SessionCalendar

ARCHIVE = "dirty/dirt_yfinance_repair.tar.gz"
# Thinly traded files are full of these two, mended or not.
THIN = {Rule.ZERO_VOLUME, Rule.UNCHANGED}


class Outcome(enum.Enum):
    EQUAL = "mended, and equal to the fixed half"
    SOUND = "the bars are the fixed half's as they came; only the vendor's adjusted closes are wrong"
    BOTH = "equal to the fixed half once that is mended too: it has the same unit errors still"
    PARTLY = "some cells are mended to the fixed half's, others are named only"
    NAMED = "named only"


@dataclass(frozen=True)
class Pair:
    bad: set[Rule]
    outcome: Outcome
    mended: set[Rule] = field(default_factory=set)
    # What the fixed half is named for all the same, and why that is right.
    fixed: set[Rule] = field(default_factory=set)
    why: str = ""


ADJUSTED = Pair({Rule.ADJUSTED_CLOSE}, Outcome.SOUND)
SPLIT = Pair({Rule.SPLIT_NOT_APPLIED}, Outcome.EQUAL, {Rule.SPLIT_NOT_APPLIED})
UNIT = Pair({Rule.UNIT}, Outcome.EQUAL, {Rule.UNIT})
DIVIDENDS = Pair({Rule.DIVIDEND_UNIT, Rule.ADJUSTED_CLOSE}, Outcome.EQUAL, {Rule.DIVIDEND_UNIT})
PHANTOM = Pair({Rule.DIVIDEND_PHANTOM}, Outcome.EQUAL, {Rule.DIVIDEND_PHANTOM})

PAIRS = {
    # The dividend is right; the adjusted closes leave it out, or take a hundredth of it, or capital gains twice.
    "1398-HK-1d-bad-div": ADJUSTED,
    "3988-HK-1d-bad-div": ADJUSTED,
    "8TRA-DE-1d-missing-div-adjust": ADJUSTED,
    "ADIG-L-1d-bad-div": ADJUSTED,
    "DODFX-1d-cg-double-count": ADJUSTED,
    "JENYX-1d-cg-double-count": ADJUSTED,
    "RGL-L-1d-bad-div": ADJUSTED,
    "SERE-L-1d-bad-div": ADJUSTED,
    "VWILX-1d-cg-double-count": ADJUSTED,
    # Some bars before the split, or one of them, or the day of it, on another share count.
    "4063-T-1d-bad-stock-split": SPLIT,
    "ALPHA-PA-1d-bad-stock-split": SPLIT,
    "CNE-L-1d-bad-stock-split": SPLIT,
    "DEX-AX-1d-bad-stock-split": SPLIT,
    "LA-V-1d-bad-stock-split": SPLIT,
    "MOB-ST-1d-bad-stock-split": SPLIT,
    # Runs of bars, a switch for good, two prices of one bar.
    "AET-L-1d-100x-error": UNIT,
    "ASAI-L-1h-bad-unit": UNIT,
    "SSW-JO-1d-100x-error": UNIT,
    # Dividends in pence beside prices in pounds.
    "ABDP-L-1d-bad-div": DIVIDENDS,
    "ELCO-L-1d-bad-div": DIVIDENDS,
    "PSH-L-1d-bad-div": DIVIDENDS,
    "REL-L-1d-bad-div": DIVIDENDS,
    "KME-MI-1d-bad-div": Pair({Rule.DIVIDEND_UNIT}, Outcome.EQUAL, {Rule.DIVIDEND_UNIT}),
    # Paid on the old share count, on the day of a split.
    "4063-T-1d-bad-div": Pair(
        {Rule.DIVIDEND_SHARE_COUNT, Rule.ADJUSTED_CLOSE}, Outcome.EQUAL, {Rule.DIVIDEND_SHARE_COUNT}
    ),
    # The same dividend twice within a week.
    "TEP-PA-1d-bad-div": Pair(
        PHANTOM.bad | {Rule.JUMP}, Outcome.EQUAL, PHANTOM.mended, {Rule.JUMP}, "it fell by a third on 2022-11-10"
    ),
    "KEN-TA-1d-bad-div": Pair(PHANTOM.bad | {Rule.ADJUSTED_CLOSE}, Outcome.EQUAL, PHANTOM.mended),
    "SAND-1d-bad-div": Pair(
        PHANTOM.bad | {Rule.ADJUSTED_CLOSE},
        Outcome.EQUAL,
        PHANTOM.mended,
        {Rule.ADJUSTED_CLOSE},
        "its adjusted closes take the dividend of 2024-01-16 twice still",
    ),
    "TEM-L-1d-bad-div": Pair(
        {Rule.DIVIDEND_UNIT, Rule.DIVIDEND_PHANTOM, Rule.ADJUSTED_CLOSE},
        Outcome.EQUAL,
        {Rule.DIVIDEND_UNIT, Rule.DIVIDEND_PHANTOM},
    ),
    # Only dividends or adjusted closes were mended in the fixed half, prices go from pounds to pence and back in both.
    "CLC-L-1d-bad-div": Pair(
        {Rule.UNIT, Rule.ADJUSTED_CLOSE}, Outcome.BOTH, {Rule.UNIT}, {Rule.UNIT}, "its unit errors are still there"
    ),
    # Here the dividends were in the right unit all along, and the prices beside them become theirs.
    "LSC-L-1d-bad-div": Pair(
        {Rule.UNIT, Rule.ADJUSTED_CLOSE}, Outcome.BOTH, {Rule.UNIT}, {Rule.UNIT}, "its unit errors are still there"
    ),
    "NVT-L-1d-bad-div": Pair(
        {Rule.UNIT, Rule.DIVIDEND_UNIT},
        Outcome.BOTH,
        {Rule.UNIT, Rule.DIVIDEND_UNIT},
        {Rule.UNIT},
        "its unit errors are still there",
    ),
    "SSNLF-1d-bad-div": Pair(
        {Rule.SPLIT_NOT_APPLIED, Rule.JUMP, Rule.ADJUSTED_CLOSE},
        Outcome.BOTH,
        {Rule.SPLIT_NOT_APPLIED},
        {Rule.SPLIT_NOT_APPLIED, Rule.JUMP},
        "15 bars of 2009-10 stand on the share count before the split of 2018, and quotes of a share that hardly "
        "trades jump",
    ),
    # Three equal dividends that the prices deny. The fixed half keeps one of them, a day later.
    "SCR-TO-1d-bad-div": Pair(
        {Rule.DIVIDEND_UNIT, Rule.JUMP},
        Outcome.PARTLY,
        {Rule.DIVIDEND_UNIT},
        {Rule.JUMP},
        "the shares of another company go on under its ticker from 2023-10-05, at 15 times the price",
    ),
    # Two dividends on two days running, 8 % apart: which of the two was paid, the prices don't say.
    "KAP-IL-1d-bad-div": Pair(PHANTOM.bad, Outcome.NAMED),
    # Eleven payments of 0.015 %, and no ordinary one to know them by: 270 to 1 is not certain.
    "TENT-L-1d-bad-div": Pair({Rule.DIVIDEND_UNIT}, Outcome.NAMED),
    # After a split of 1:10, a fall to a nineteenth. The fixed half calls it a split and a fall by half.
    "SPM-MI-1d-bad-stock-split": Pair({Rule.SPLIT_NOT_APPLIED}, Outcome.NAMED),
    # See test_the_week_of_avivas_split_is_better_in_the_bad_half.
    "AV-L-1wk-bad-stock-split": Pair(
        {Rule.ADJUSTED_CLOSE},
        Outcome.NAMED,
        fixed={Rule.ADJUSTED_CLOSE, Rule.DIVIDEND_PHANTOM},
        why="adjusted closes of weekly bars take each dividend a week late, in both halves, and the week that was "
        "changed shows nothing of the fifth of the price that was paid out in it",
    ),
}

CONTROLS = (
    "CALM-1d-no-bad-divs",
    "EA-15m-no-bad-divs",
    "EWG-1d-no-bad-divs",
    "HSBK-IL-1d-no-bad-divs",
    "IBE-MC-1d-no-bad-divs",
    "KMR-L-1d-no-bad-divs",
    "TISG-MI-1d-no-bad-divs",
)


@cache
def _files() -> dict[str, bytes]:
    with tarfile.open(shared_data(ARCHIVE)) as archive:
        members = [member for member in archive if member.isfile()]
        return {member.name.removeprefix("./"): archive.extractfile(member).read() for member in members}  # type: ignore[union-attr]


@dataclass(frozen=True)
class File:
    bars: Bars
    adjusted_close: Floats
    day: list[str]

    def repaired(self) -> Repaired:
        return repair(self.bars, adjusted_close=self.adjusted_close)

    def faults(self) -> list[Fault]:
        at = self.bars.session.astype("datetime64[s]")
        calendar = SessionCalendar("its own", 252, self.bars.session, at, at)
        found = examine(self.bars, calendar, adjusted_close=self.adjusted_close, due=self.bars.session[-1])
        return [fault for fault in found if fault.rule not in THIN]


@cache
def _file(name: str) -> File:
    """A file as the vendor's source would deliver it: ascending, rows without numbers left out, as traded."""
    table = pd.read_csv(io.BytesIO(_files()[f"{name}.csv"]))
    table.index = pd.DatetimeIndex(pd.to_datetime(table.iloc[:, 0], utc=True))
    table = table.sort_index()
    ohlcv = table[["Open", "High", "Low", "Close", "Volume"]].to_numpy(dtype=float)
    table = table[np.isfinite(ohlcv).all(axis=1)]
    ohlcv = ohlcv[np.isfinite(ohlcv).all(axis=1)]
    split = np.where(table["Stock Splits"] == 0, 1.0, table["Stock Splits"].to_numpy(dtype=float))
    dividend = table["Dividends"].to_numpy(dtype=float) * later_splits(split)
    session = np.datetime64("2000-01-01") + np.arange(len(table))
    bars = Bars(session, as_traded(ohlcv, split), split, dividend)
    return File(bars, table["Adj Close"].to_numpy(dtype=float), [str(at.date()) for at in table.index])


def _assert_same_bars(found: Bars, expected: Bars) -> None:
    # Single precision, prices of four digits and whole shares are the vendor's rounding.
    assert_allclose(found.ohlcv[:, :VOLUME], expected.ohlcv[:, :VOLUME], rtol=1e-5)
    assert_allclose(found.ohlcv[:, VOLUME], expected.ohlcv[:, VOLUME], rtol=1e-4)
    assert_allclose(found.split, expected.split, rtol=1e-9)
    assert_allclose(found.dividend, expected.dividend, rtol=1e-5, atol=1e-9)


def _assert_same_returns(found: Bars, fixed: File) -> None:
    """Total returns are those of the fixed half's adjusted closes, except where these are named, or a price is."""
    named = {fault.row for fault in fixed.faults() if fault.rule is Rule.ADJUSTED_CLOSE}
    for change in fixed.repaired().repairs:
        named |= {change.row, change.row + 1}
    rows = np.setdiff1d(np.arange(1, len(found)), list(named))
    own, vendor = log_returns(found, convention=Convention.YAHOO), adjusted_steps(fixed.adjusted_close)
    assert_allclose(own[rows], vendor[rows], atol=1e-4)


def test_there_are_81_files_and_each_has_its_place():
    names = {name.removesuffix(".csv") for name in _files()}

    assert len(names) == 81
    assert names == {*PAIRS, *(f"{name}-fixed" for name in PAIRS), *CONTROLS}


@pytest.mark.parametrize("name", PAIRS)
def test_a_bad_file_is_named_for_what_is_wrong_and_its_fixed_half_is_not(name):
    pair = PAIRS[name]

    found = {fault.rule for fault in _file(name).faults()}
    found_fixed = {fault.rule for fault in _file(f"{name}-fixed").faults()}

    assert found == pair.bad
    assert found_fixed == pair.fixed
    assert bool(pair.fixed) == bool(pair.why), "what a fixed half is named for is explained"


def test_every_bad_file_but_one_is_named_by_a_rule_that_its_fixed_half_keeps():
    # Where both halves break the rule that says what was mended, they break it at different rows.
    told_apart = {
        name
        for name in PAIRS
        if {(f.rule, f.row) for f in _file(name).faults()} - {(f.rule, f.row) for f in _file(f"{name}-fixed").faults()}
    }

    assert set(PAIRS) - told_apart == {"AV-L-1wk-bad-stock-split"}


def test_dividends_over_the_whole_price_are_named_by_the_rule_for_single_rows():
    bad, fixed = (
        {fault.rule for fault in faults(_file(name).bars)} for name in ("LSC-L-1d-bad-div", "LSC-L-1d-bad-div-fixed")
    )

    assert bad - fixed == {Rule.PAYOUT}


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_is_neither_named_nor_changed(name):
    file = _file(name)

    assert file.faults() == []
    assert file.repaired().bars is file.bars


@pytest.mark.parametrize("name", PAIRS)
def test_what_is_mended_is_mended_under_the_rules_that_the_table_says(name):
    assert {change.rule for change in _file(name).repaired().repairs} == PAIRS[name].mended


@pytest.mark.parametrize("name", [name for name, pair in PAIRS.items() if pair.outcome is Outcome.EQUAL])
def test_a_mended_file_equals_its_fixed_half_in_every_cell_and_every_return(name):
    found, fixed = _file(name).repaired().bars, _file(f"{name}-fixed")

    _assert_same_bars(found, fixed.bars)
    _assert_same_returns(found, fixed)


@pytest.mark.parametrize("name", [name for name, pair in PAIRS.items() if pair.outcome is Outcome.SOUND])
def test_bars_whose_adjusted_closes_alone_are_wrong_stay_and_give_the_returns_of_the_fixed_half(name):
    bad, fixed = _file(name), _file(f"{name}-fixed")

    assert bad.repaired().bars is bad.bars
    _assert_same_bars(bad.bars, fixed.bars)
    _assert_same_returns(bad.bars, fixed)


@pytest.mark.parametrize("name", [name for name, pair in PAIRS.items() if pair.outcome is Outcome.BOTH])
def test_both_halves_are_mended_to_the_same_bars_where_the_fixed_one_has_errors_left(name):
    found, fixed = _file(name).repaired().bars, _file(f"{name}-fixed")

    _assert_same_bars(found, fixed.repaired().bars)
    _assert_same_returns(found, fixed)


@pytest.mark.parametrize("name", [name for name, pair in PAIRS.items() if pair.outcome is Outcome.NAMED])
def test_what_is_not_certain_stays_as_it_came(name):
    file = _file(name)

    assert file.repaired().bars is file.bars


def test_two_of_three_denied_dividends_are_mended_and_the_one_that_may_have_been_paid_a_day_later_is_left():
    bad, fixed = _file("SCR-TO-1d-bad-div"), _file("SCR-TO-1d-bad-div-fixed")

    found = bad.repaired().bars

    unlike = np.flatnonzero(~np.isclose(found.dividend, fixed.bars.dividend, rtol=1e-6, atol=1e-9))
    assert [bad.day[row] for row in unlike] == ["2023-03-14", "2023-03-15"]
    assert {bad.day[change.row] for change in bad.repaired().repairs} == {"2023-06-14", "2023-09-14"}


def test_the_week_of_avivas_split_is_better_in_the_bad_half():
    """In the week of 2022-05-16 a fifth of the price was paid out and 100 shares became 76.

    The bad half's close is what is left after both. The fixed half takes it for unadjusted and puts it up by the
    split, which leaves a rise of 22 % in that week and a fall of 21 % in the next one.
    """
    bad, fixed = _file("AV-L-1wk-bad-stock-split"), _file("AV-L-1wk-bad-stock-split-fixed")
    week = bad.day.index("2022-05-15")

    as_it_came, changed = log_returns(bad.bars)[week : week + 2], log_returns(fixed.bars)[week : week + 2]

    assert bad.bars.split[week] == pytest.approx(0.76)
    assert np.abs(as_it_came).max() < 0.07
    assert np.abs(changed).min() > 0.18


@pytest.mark.parametrize("name", [*PAIRS, *(f"{name}-fixed" for name in PAIRS), *CONTROLS])
def test_mending_a_real_file_again_changes_nothing(name):
    file = _file(name)

    again = repair(file.repaired().bars, adjusted_close=file.adjusted_close)

    assert again.repairs == ()
