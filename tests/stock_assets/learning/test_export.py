"""The exported graph repeats the fitted candidates of every horizon, or there is no export."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from shared_data import sample_bars

from quant.features import NAMES
from quant.forecast import forecast
from release.onnx_model import OnnxModel, output_name
from stock_assets.learning.candidates import FAMILIES
from stock_assets.learning.dataset import history
from stock_assets.learning.errors import ExportRefused, LearningError, named
from stock_assets.learning.export import PARITY_ROWS, TOLERANCE, Exported, export, verify
from stock_assets.learning.training import Trained, train
from stock_assets.learning.tuning import Budget
from stock_assets.learning.walk_forward import walk_forward

SEED = 7
HORIZONS = (1, 5)
CARELESS = Budget(trials=2)


@pytest.fixture(scope="module")
def rows(calendar):
    return history(sample_bars("IBM")[-1_100:], calendar, ticker="IBM", horizons=HORIZONS)


@pytest.fixture(scope="module")
def trained(rows) -> list[Trained]:
    return [train(rows.dataset(horizon), seed=SEED, budget=CARELESS) for horizon in HORIZONS]


@pytest.fixture(scope="module")
def exported(trained) -> Exported:
    return export(trained)


@pytest.fixture(scope="module")
def model(exported) -> OnnxModel:
    return OnnxModel(exported.onnx)


def test_one_graph_says_what_every_family_says_of_every_horizon(trained, exported, model):
    said = model.predict(trained[0].X)

    assert set(said) == {output_name(family.name, horizon=horizon) for family in FAMILIES for horizon in HORIZONS}
    for part in trained:
        for name, candidate in part.candidates.items():
            output = said[output_name(name, horizon=part.horizon)]
            assert output.dtype == np.float64
            assert_allclose(output, candidate.predict(trained[0].X), rtol=0, atol=TOLERANCE)
    assert 0 <= exported.max_error <= TOLERANCE


def test_horizons_are_not_mixed_up(trained, model):
    said = model.predict(trained[0].X)

    for name in ("ridge", "forest", "sparse", "har"):
        assert (said[output_name(name, horizon=1)] != said[output_name(name, horizon=5)]).any()


@pytest.mark.parametrize("many", [2, 7, 64, 101])
def test_a_row_alone_gets_the_bits_it_gets_among_many_at_every_horizon(trained, model, many):
    rows = trained[0].X[-many:]
    together = model.predict(rows)

    for row in range(many):
        alone = model.predict(rows[row : row + 1])
        assert {name: value[0] for name, value in alone.items()} == {name: v[row] for name, v in together.items()}


@pytest.mark.parametrize("horizon", HORIZONS)
def test_a_forecast_of_one_row_has_the_bits_of_a_batch(rows, model, horizon):
    parameters = walk_forward(rows.dataset(horizon), seed=SEED, budget=CARELESS).parameters

    def made(X: np.ndarray):
        said = model.predict(X)
        return forecast({name: said[output_name(name, horizon=horizon)] for name in parameters.models}, parameters)

    batch = made(rows.X)
    for row in range(0, len(rows), 13):
        live = made(rows.X[row : row + 1])
        for name in ("mean", "vol", "p_up", "lower_90", "lower_50", "upper_50", "upper_90"):
            assert getattr(live, name)[0] == getattr(batch, name)[row], name


def test_parity_vectors_are_training_rows_with_the_candidates_own_words(trained, exported):
    assert set(exported.parity) == {
        "features", *(output_name(family.name, horizon=horizon) for family in FAMILIES for horizon in HORIZONS)
    }  # fmt: skip
    features = exported.parity["features"]
    assert features.shape == (PARITY_ROWS, len(NAMES))
    assert_array_equal(features[[0, -1]], trained[0].X[[0, -1]])
    for part in trained:
        for name, candidate in part.candidates.items():
            said = exported.parity[output_name(name, horizon=part.horizon)]
            assert_allclose(said, candidate.predict(features), rtol=1e-12, atol=1e-12)


def test_the_same_training_gives_the_same_bytes(rows, exported):
    again = [train(rows.dataset(horizon), seed=SEED, budget=CARELESS) for horizon in HORIZONS]

    assert export(again).onnx == exported.onnx


def test_one_horizon_alone_can_be_exported(trained):
    alone = export(trained[1:])

    assert set(OnnxModel(alone.onnx).outputs) == {output_name(family.name, horizon=5) for family in FAMILIES}


def said_of(trained: list[Trained]) -> dict[str, np.ndarray]:
    return {
        output_name(name, horizon=part.horizon): candidate.predict(trained[0].X)
        for part in trained
        for name, candidate in part.candidates.items()
    }


@pytest.mark.parametrize("output", ["forest_1", "har_5"])
def test_a_graph_that_says_something_else_of_a_single_row_is_refused(trained, exported, output):
    said = said_of(trained)
    said[output][17] += 3 * TOLERANCE

    with pytest.raises(
        ExportRefused, match=rf"^{output}: expected the ONNX graph within 1e-06 of the fitted model, got \S+e-0[67] off"
    ):
        verify(exported.onnx, trained[0].X, said)


def test_a_graph_beside_a_model_that_says_nan_is_refused(trained, exported):
    said = said_of(trained)
    said["ridge_1"] = np.full_like(said["ridge_1"], np.nan)

    with pytest.raises(ExportRefused, match=r"^ridge_1: .* got nan off"):
        verify(exported.onnx, trained[0].X, said)


class Forgetful:
    """A candidate whose graph is that of another."""

    def __init__(self, candidate, other) -> None:
        self._candidate, self._other = candidate, other

    def predict(self, X):
        return self._candidate.predict(X)

    def to_onnx(self, features):
        return self._other.to_onnx(features)


def test_an_export_that_disagrees_is_no_export_and_names_whose_it_would_have_been(trained):
    one, five = trained
    wrong = Forgetful(one.candidates["ridge"], five.candidates["ridge"])
    mixed = Trained(1, {**one.candidates, "ridge": wrong}, one.X, one.trials)

    with pytest.raises(LearningError, match=r"^IBM: ridge_1: expected the ONNX graph within") as refused, named("IBM"):
        export([mixed, five])
    assert refused.type is ExportRefused
