"""Group `forecast`: what all champions' forecasts are worth together."""

from collections.abc import Iterator, Sequence
from typing import Final

import dagster as dg
import msgspec

from quant.errors import QuantError
from stock_assets.assets.forecast import GROUP
from stock_assets.champions import Champion
from stock_assets.errors import NotMaterialized, StockAssetsError
from stock_assets.learning.scores import Evidence, evidence, scores
from stock_assets.learning.skill import Skill, skill_table
from stock_assets.learning.skill import skill as skill_of
from stock_assets.partitions import known_tickers
from stock_assets.presentation import figures, table_metadata
from stock_assets.resources.lake import Lake
from stock_assets.settings import PipelineSettings
from stock_assets.version import code_version

SKILL: Final = "skill"
# The lake's name for what has no partitions, and its file with all of it.
ALL: Final = "all"
FILE: Final = "skill.json"


@dg.asset(
    group_name=GROUP,
    kinds={"numpy", "parquet"},
    code_version=code_version(),
    deps=[dg.AssetDep(name, partition_mapping=dg.AllPartitionMapping()) for name in ("champion", "features")],
    # Before the release that tells of it, which does without if this fails.
    op_tags={"dagster/priority": "1"},
)
def skill(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[PipelineSettings]
) -> dg.MaterializeResult:  # type: ignore[type-arg]  # no value: it writes its own file, of no partition
    """All champions' out-of-sample records together: scores beside baselines, against luck, against what is due."""
    served = [ticker for ticker in known_tickers(context.instance) if lake.has_files("champion", ticker)]
    records, left_out = records_of(lake, served, settings.horizons)
    if not any(records.values()):
        raise NotMaterialized(f"skill: expected a ticker with a champion's record, got none ({'; '.join(left_out)})")
    made = [skill_of(of) for of in records.values() if of]
    table = skill_table(made)
    lake.write(SKILL, ALL, table)
    lake.write_files(SKILL, ALL, {FILE: msgspec.json.encode(made)})
    return dg.MaterializeResult(
        metadata=table_metadata(
            table,
            **{f"targets_{of.horizon}": _kept(of) for of in made},
            **figures({f"{row.score}_{row.horizon}": row.value for row in table.itertuples()}),
            left_out="; ".join(left_out) or "none",
        )
    )


def records_of(
    lake: Lake, tickers: Sequence[str], horizons: Sequence[int]
) -> tuple[dict[int, list[Evidence]], list[str]]:
    """The champions' evidence by horizon, and a line for each ticker whose record can't be used."""
    records: dict[int, list[Evidence]] = {horizon: [] for horizon in horizons}
    left_out = []
    for ticker in tickers:
        try:
            for of in list(_record(lake, ticker, horizons)):
                records[of.horizon].append(of)
        except (QuantError, StockAssetsError) as error:
            left_out.append(f"{ticker}: {error}")
    return records, left_out


def _record(lake: Lake, ticker: str, horizons: Sequence[int]) -> Iterator[Evidence]:
    champion, features = Champion.read(lake, ticker), lake.read("features", ticker)
    table, close = champion.record(), features.set_index("date")["adjusted_close"]
    for horizon in horizons:
        # A champion of before the settings' change knows other horizons.
        if horizon in champion.metrics:
            of = evidence(table, horizon=horizon, close=close, trials=champion.metrics[horizon].trials)
            scores(of)  # What can't be scored is this ticker's fault, and told as such.
            yield of


def read_skill(lake: Lake) -> tuple[Skill, ...]:
    """What the asset told last, a horizon each; `NotMaterialized` before it has."""
    return msgspec.json.decode(lake.read_files(SKILL, ALL)[FILE], type=tuple[Skill, ...])


def _kept(of: Skill) -> str:
    missed = ", ".join(target.promise.value for target in of.targets if not target.met)
    return f"{sum(target.met for target in of.targets)} of {len(of.targets)} met" + (
        f"; missed {missed}" if missed else ""
    )
