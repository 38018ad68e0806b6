"""Programs put together by parts, against optima that are known or that scipy finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import linprog

from quant.constraints import Sparse, identity, one_row
from quant.errors import QuantError
from quant.program import Cone, Program, TimeLimit, Unsolvable, dense, diagonal, one_column, upper_triangle


def sum_of_one(program: Program, start: int, count: int) -> None:
    program.require(Cone.ZERO, np.ones(1), (start, one_row(np.ones(count))))


def not_negative(program: Program, start: int, count: int) -> None:
    program.require(Cone.NONNEGATIVE, np.zeros(count), (start, identity(count, -1.0)))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 8))
def test_a_linear_program_is_scipys(seed: int, count: int):
    rng = np.random.default_rng(seed)
    cost, rows, bound = rng.normal(size=count), rng.normal(size=(4, count)), rng.uniform(0.5, 2.0, 4)
    program = Program()
    start = program.add(count)
    program.minimise(start, cost)
    sum_of_one(program, start, count)
    program.require(Cone.NONNEGATIVE, np.ones(count), (start, identity(count)))
    program.require(Cone.NONNEGATIVE, np.ones(count), (start, identity(count, -1.0)))
    oracle = linprog(cost, rows, bound, np.ones((1, count)), [1.0], bounds=[(-1, 1)] * count)
    program.require(Cone.NONNEGATIVE, bound, (start, dense(rows)))

    if oracle.status == 0:
        assert cost @ program.solve() == pytest.approx(oracle.fun, abs=1e-9)
    else:
        with pytest.raises(Unsolvable):
            program.solve()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 8))
def test_a_quadratic_program_with_an_equality_meets_its_normal_equations(seed: int, count: int):
    rng = np.random.default_rng(seed)
    root, cost = rng.normal(size=(count, count + 2)), rng.normal(size=count)
    matrix = root @ root.T
    program = Program()
    start = program.add(count)
    program.minimise(start, cost)
    program.minimise_square(start, upper_triangle(matrix))
    sum_of_one(program, start, count)

    found = program.solve()

    gradient = matrix @ found + cost
    assert_allclose(gradient, gradient.mean(), atol=1e-7 * np.abs(matrix).max())
    assert found.sum() == pytest.approx(1.0, abs=1e-10)


def test_variables_of_several_parts_are_told_apart():
    # minimise (x - 1)^2 + (y - 2)^2 with y = 3 x: x = 0.7
    program = Program()
    x, y = program.add(1), program.add(1)
    program.minimise_square(x, diagonal(np.array([2.0])))
    program.minimise_square(y, diagonal(np.array([2.0])))
    program.minimise(x, np.array([-2.0]))
    program.minimise(y, np.array([-4.0]))
    program.require(Cone.ZERO, np.zeros(1), (x, one_row(np.array([3.0]))), (y, one_row(np.array([-1.0]))))

    assert_allclose(program.solve(), [0.7, 2.1], atol=1e-9)


def test_a_second_order_cone_bounds_a_norm():
    # the farthest point in direction (3, 4) of a disc with radius 2
    program = Program()
    start = program.add(2)
    program.minimise(start, np.array([-3.0, -4.0]))
    below = Sparse(np.array([1, 2]), np.array([0, 1]), np.array([-1.0, -1.0]))
    program.require(Cone.SECOND_ORDER, np.array([2.0, 0.0, 0.0]), (start, below))

    assert_allclose(program.solve(), [1.2, 1.6], atol=1e-6)


def test_an_exponential_cone_bounds_a_logarithm():
    # the greatest r with exp(r) <= x, x <= 5
    program = Program()
    logarithm, x = program.add(1), program.add(1)
    program.minimise(logarithm, np.array([-1.0]))
    program.require(Cone.NONNEGATIVE, np.array([5.0]), (x, one_row(np.ones(1))))
    program.require(
        Cone.EXPONENTIAL,
        np.array([0.0, 1.0, 0.0]),
        (logarithm, one_column(np.array([-1.0, 0.0, 0.0]))),
        (x, one_column(np.array([0.0, 0.0, -1.0]))),
    )

    assert_allclose(program.solve(), [np.log(5.0), 5.0], atol=1e-7)


def test_what_is_kept_at_zero_is_exactly_zero():
    program = Program()
    start = program.add(4)
    program.minimise_square(start, upper_triangle(np.diag([1.0, 1.0, 2.0, 2.0])))
    sum_of_one(program, start, 4)
    not_negative(program, start, 4)
    program.keep_at_zero(np.array([0, 2]))

    found = program.solve()

    assert_array_equal(found[[0, 2]], 0.0)
    assert_allclose(found[[1, 3]], [2 / 3, 1 / 3], atol=1e-9)


def test_rows_that_contradict_each_other_have_no_solution():
    program = Program()
    start = program.add(1)
    program.require(Cone.NONNEGATIVE, np.array([1.0]), (start, one_row(np.ones(1))))
    program.require(Cone.NONNEGATIVE, np.array([-2.0]), (start, one_row(-np.ones(1))))

    with pytest.raises(Unsolvable, match="solver: expected a solution, got PrimalInfeasible"):
        program.solve()


def test_an_objective_without_end_has_no_solution():
    program = Program()
    start = program.add(1)
    program.minimise(start, np.array([-1.0]))
    not_negative(program, start, 1)

    with pytest.raises(Unsolvable, match="solver: expected a solution, got DualInfeasible"):
        program.solve()


def test_a_solver_out_of_time_says_so():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(200, 200))
    program = Program()
    start = program.add(200)
    program.minimise_square(start, upper_triangle(root @ root.T))
    sum_of_one(program, start, 200)
    not_negative(program, start, 200)

    with pytest.raises(TimeLimit, match="solver: expected a solution within 1e-06 s, got none"):
        program.solve(time_limit=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9))
def test_an_upper_triangle_is_all_that_a_symmetric_matrix_holds(count: int):
    root = np.random.default_rng(count).normal(size=(count, count))
    matrix = root + root.T

    triangle = upper_triangle(matrix)

    rebuilt = np.zeros((count, count))
    rebuilt[triangle.row, triangle.column] = triangle.value
    rebuilt[triangle.column, triangle.row] = triangle.value
    assert_array_equal(rebuilt, matrix)
    assert len(triangle.value) == count * (count + 1) // 2
    assert np.all(np.diff(triangle.column) >= 0)
    assert np.all(triangle.row <= triangle.column)


def test_only_a_square_matrix_has_one():
    with pytest.raises(QuantError, match=r"matrix: expected a square one, got shape \(2, 3\)"):
        upper_triangle(np.ones((2, 3)))


def test_entries_of_a_matrix():
    matrix = np.arange(6.0).reshape(2, 3)

    every, column = dense(matrix), one_column(np.array([0.0, 3.0, 0.0, 4.0]))

    assert_array_equal(matrix[every.row, every.column], every.value)
    assert len(every.value) == 6
    assert_array_equal(column.row, [1, 3])
    assert_array_equal(column.value, [3.0, 4.0])
    assert_array_equal(column.column, 0)
