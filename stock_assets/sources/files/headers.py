"""What a file's columns are called and what they mean: every spelling that is understood stands in this module.

Reading the cells below the headers is `stock_assets.sources.files.tables`' work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from quant.bars import COLUMNS
from release.manifest import TICKER as TICKER_PATTERN
from stock_assets.errors import MissingColumn

TICKER: Final = "ticker"
DATE: Final = "date"
ADJUSTED: Final = "adj_close"
SPLIT: Final = "split"
DIVIDEND: Final = "dividend"
ACTIONS: Final = (SPLIT, DIVIDEND)
NUMBERS: Final = (*COLUMNS, ADJUSTED, *ACTIONS)


def _words(said: str) -> frozenset[str]:
    return frozenset(said.split())


# By letters and digits alone: case, blanks, punctuation, numbering ("5. ") and units in brackets are taken off first.
# Of a field's lines an earlier one is surer than a later one: "index" holds the dates only where no column says so.
# Prices have one line each: which of two columns that both mean the close is the close, a file has to say.
SPELLINGS: Final[Mapping[str, tuple[frozenset[str], ...]]] = {
    DATE: (
        _words("date tradedate tradingdate pricedate sessiondate quotedate asofdate dt yyyymmdd datum"),
        _words("session tradingday day"),
        _words("datetime timestamp dateandtime datetimeutc timestamputc"),
        _words("time t opentime unixtime unixtimestamp unix epoch"),
        _words("index indexlevel0 unnamed0 unnamed level0"),
    ),
    TICKER: (
        _words("ticker symbol"),
        _words("sym tickersymbol stocksymbol tickercode stockcode code instrument stock pair"),
    ),
    "open": (_words("open o openprice opening openingprice priceopen first"),),
    "high": (_words("high h highprice highest dayhigh pricehigh"),),
    "low": (_words("low l lowprice lowest daylow pricelow"),),
    "close": (_words("close c closeprice closing closingprice priceclose closelast last lastprice price settle"),),
    ADJUSTED: (
        _words(
            "adjclose adjustedclose closeadj closeadjusted adjcloseprice adjustedcloseprice adjclosingprice "
            "adjustedclosingprice adjprice adjustedprice"
        ),
    ),
    "volume": (_words("volume v vol totalvolume tradedvolume volumetraded sharevolume sharestraded"),),
    SPLIT: (_words("split splits stocksplit stocksplits splitfactor splitratio splitcoefficient splitcoeff"),),
    DIVIDEND: (
        _words(
            "dividend dividends div divs dividendamount divcash cashdividend cashdividends dividendcash exdividend "
            "dividendpershare dps"
        ),
    ),
}
_MEANING: Final = {
    word: (field, rank) for field, ranks in SPELLINGS.items() for rank, words in enumerate(ranks) for word in words
}
_PAIR: Final = re.compile(r"""^\(\s*['"](?P<one>.*?)['"]\s*,\s*['"](?P<other>.*?)['"]\s*\)$""")


def word(name: str) -> str:
    """A header's letters and digits, without case, numbering and units: ``5. Adj. Close (USD)`` is ``adjclose``."""
    bare = re.sub(r"[(\[{].*?[)\]}]", " ", name.strip().strip("\ufeff").lower())
    return re.sub(r"[^a-z0-9]", "", re.sub(r"^\s*\d+[a-z]?[.):]\s*", "", bare))


def meaning(name: str) -> str | None:
    """The field that a header stands for, or None; of a flattened pair it is the header's."""
    found = _MEANING.get(word(_pair(name)[0]))
    return found[0] if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Which column of a table holds which field.

    Attributes
    ----------
    place : mapping
        The column's place by field: `DATE`, `TICKER`, those of `quant.bars.COLUMNS`, `ADJUSTED`, `SPLIT`, `DIVIDEND`.
    ticker : str, optional
        Whose columns they are, where a table has several tickers side by side.
    unknown : tuple of str
        Headers of the columns that mean none of these.
    """

    place: Mapping[str, int]
    ticker: str | None = None
    unknown: tuple[str, ...] = ()

    def require(self, fields: Iterable[str], *, names: Sequence[str], file: str) -> None:
        """Return if each field has a column; `MissingColumn` names the first without and the headers there are."""
        for field in fields:
            if field not in self.place:
                raise MissingColumn(f"{file}: expected a column {field}, got {_listed(names)}")

    @property
    def has_actions(self) -> bool:
        """Whether splits and dividends are said or can be read back."""
        return ADJUSTED in self.place or set(ACTIONS) <= set(self.place)

    def require_actions(self, *, names: Sequence[str], file: str) -> None:
        """Return if the layout `has_actions`; else `MissingColumn`."""
        if not self.has_actions:
            expected = f"a column {ADJUSTED} (or split and dividend)"
            raise MissingColumn(f"{file}: expected {expected}, got {_listed(names)}")


def _listed(names: Sequence[str]) -> str:
    said = [" ".join(name.split()) for name in names if name.strip()]
    return ", ".join(said[:20]) + (f" and {len(said) - 20} more" if len(said) > 20 else "") or "none"


def layouts(names: Sequence[str], *, tickers: Sequence[str] | None = None, file: str) -> tuple[Layout, ...]:
    """How a table is laid out: one for a long table, one a ticker for a table that has them side by side.

    Parameters
    ----------
    names : sequence of str
        A header a column; pandas' flattened pairs ``('Close', 'AAPL')`` are understood.
    tickers : sequence of str, optional
        Each column's ticker where a second header line names it, "" for a column of all.
    file : str
        For messages.

    Raises
    ------
    MissingColumn
        If two columns mean the same.
    """
    if tickers is None:
        pairs = [_pair(name) for name in names]
        names, tickers = [field for field, _ in pairs], [ticker for _, ticker in pairs]
    found = []
    for ticker in dict.fromkeys(filter(None, tickers)) or [None]:
        columns = [i for i, of in enumerate(tickers) if not of or of == ticker]
        found.append(_layout(names, columns, ticker=ticker, file=file))
    return tuple(found)


def _pair(name: str) -> tuple[str, str]:
    """Header and ticker of one of pandas' flattened pairs, in whichever order they stand."""
    pair = _PAIR.match(name.strip())
    if pair is None:
        return name, ""
    one, other = pair["one"], pair["other"]
    if word(one) not in _MEANING and word(other) in _MEANING:
        one, other = other, one
    ticker = other.strip().upper()
    return one, ticker if TICKER_PATTERN.fullmatch(ticker) else ""


def _layout(names: Sequence[str], columns: Sequence[int], *, ticker: str | None, file: str) -> Layout:
    meant: dict[str, list[tuple[int, int]]] = {}
    unknown = []
    for i in columns:
        if word(names[i]) in _MEANING:
            field, rank = _MEANING[word(names[i])]
            meant.setdefault(field, []).append((rank, i))
        else:
            unknown.append(i)
    place = {}
    for field, claims in meant.items():
        surest = min(rank for rank, _ in claims)
        best = [i for rank, i in claims if rank == surest]
        if len(best) > 1:
            said = ", ".join(names[i].strip() for i in best)
            raise MissingColumn(f"{file}: expected one column {field}, got {len(best)} ({said})")
        place[field] = best[0]
        unknown += [i for _, i in claims if i != best[0]]
    headers = tuple(names[i].strip() for i in sorted(unknown) if names[i].strip())
    return Layout(place=place, ticker=ticker, unknown=headers)
