"""The exported graph repeats scikit-learn, or there is no export."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from release.onnx_runtime import onnxruntime
from stock_assets.learning.errors import ExportRefused
from stock_assets.learning.export import PARITY_ROWS, TOLERANCE, export, verify
from stock_assets.learning.training import Trained, train


@pytest.fixture(scope="module")
def trained(real) -> Trained:
    return train(real.data, seed=7)


def test_one_graph_says_what_both_models_say_on_every_training_row(trained):
    exported = export(trained)

    session = onnxruntime.InferenceSession(exported.onnx, providers=["CPUExecutionProvider"])
    ridge, forest = session.run(["ridge", "forest"], {"features": trained.X})

    assert ridge.dtype == forest.dtype == np.float64
    assert ridge.shape == forest.shape == (len(trained.X), 1)
    assert_allclose(ridge[:, 0], trained.candidates["ridge"].predict(trained.X), atol=TOLERANCE)
    assert_allclose(forest[:, 0], trained.candidates["forest"].predict(trained.X), atol=TOLERANCE)
    assert exported.max_error <= TOLERANCE


def test_a_row_alone_gets_the_bits_it_gets_among_many(trained):
    session = onnxruntime.InferenceSession(export(trained).onnx, providers=["CPUExecutionProvider"])
    many = session.run(["ridge", "forest"], {"features": trained.X[:50]})

    for k in range(50):
        alone = session.run(["ridge", "forest"], {"features": trained.X[k : k + 1]})
        assert [answer[0, 0] for answer in alone] == [answer[k, 0] for answer in many]


def test_parity_vectors_are_training_rows_with_the_models_own_words(trained):
    exported = export(trained)

    assert exported.parity_features.shape == (PARITY_ROWS, trained.X.shape[1])
    assert_allclose(exported.parity_ridge, trained.candidates["ridge"].predict(exported.parity_features), atol=1e-15)


def test_the_same_training_gives_the_same_bytes(real, trained):
    again = train(real.data, seed=7)

    assert export(again).onnx == export(trained).onnx


def test_a_graph_that_says_something_else_is_refused(trained):
    exported = export(trained)
    said = {name: candidate.predict(trained.X) for name, candidate in trained.candidates.items()}
    said["forest"] = said["forest"].copy()
    said["forest"][17] += 1e-6

    with pytest.raises(
        ExportRefused, match=r"^forest: expected the ONNX graph within 1e-08 of scikit-learn, got \S+e-0[67] off"
    ):
        verify(exported.onnx, trained.X, said)


def test_a_graph_that_answers_nan_is_refused(trained):
    exported = export(trained)
    said = {name: candidate.predict(trained.X) for name, candidate in trained.candidates.items()}
    said["ridge"] = np.full_like(said["ridge"], np.nan)

    with pytest.raises(ExportRefused, match=r"^ridge: .* got nan off"):
        verify(exported.onnx, trained.X, said)
