"""Mixed-integer linear programming, by HiGHS in scipy: a rectifier is a choice between its two pieces."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import optimize, sparse

from netopsy.robustness.safety_verification.program import Numbers, Program
from netopsy.robustness.safety_verification.solvers import Answer, Limits, Solver, constant_answer

GAP = 0.5
"""A counterexample need not be the best one: the search ends where its lead is surely half of the greatest or more."""
DROPPED = 2e-9
"""HiGHS takes coefficients of up to 1e-9 for zeros."""


def solver() -> Solver:
    """The solver, which is always there."""
    return solve


def solve(program: Program, over: int, rival: int, margin: float, limits: Limits) -> Answer:
    """See `Solver`.

    Source: Tjeng, Xiao and Tedrake 2019, section 4.1, with the bounds of each rectifier as its constants.
    """
    if limits.over:
        return Answer(False, reason="the time was up")
    weights, constant = program.lead(rival, over)
    if not weights:
        return constant_answer(program, constant, margin)
    rows, low, high, count = _choices(program)
    lead = sparse.csr_array(
        (list(weights.values()), ([0] * len(weights), list(weights))), shape=(1, len(program.low) + count)
    )
    wide = sparse.hstack([program.matrix, sparse.csr_array((program.matrix.shape[0], count))])
    matrix = sparse.vstack([wide, rows, lead]).tocsr()
    least = np.concatenate([program.right, low, [-np.inf]])
    most = np.concatenate([program.right, high, [margin - constant]])
    options: dict[str, Any] = {"mip_rel_gap": GAP}
    if limits.left is not None:
        options["time_limit"] = limits.left
    if limits.nodes is not None:
        options["node_limit"] = limits.nodes
    unit = np.concatenate([_power(np.maximum(abs(program.low), abs(program.high))), np.ones(count)])
    matrix, least, most = _scaled(matrix, least, most, unit)
    found = optimize.milp(
        matrix[[-1]].toarray()[0],
        integrality=np.concatenate([np.zeros(len(program.low)), np.ones(count)]),
        bounds=optimize.Bounds(
            np.concatenate([program.low, np.zeros(count)]) / unit, np.concatenate([program.high, np.ones(count)]) / unit
        ),
        constraints=optimize.LinearConstraint(matrix, least, most),
        options=options,  # type: ignore[arg-type]
    )
    if found.status == 2:
        return Answer(True)
    if found.x is not None:
        return Answer(False, program.input_of(found.x * unit), "its witness lies within the margin")
    return Answer(False, reason=f"mixed-integer programming ended without an answer: {_reason(found.message, limits)}")


def _power(values: Numbers) -> Numbers:
    """The next power of two, by which numbers can be divided without rounding; 1 for zero."""
    return np.where(values > 0, np.exp2(np.ceil(np.log2(np.where(values > 0, values, 1.0)))), 1.0)


def _scaled(
    matrix: sparse.csr_array, least: Numbers, most: Numbers, unit: Numbers
) -> tuple[sparse.csr_array, Numbers, Numbers]:
    """Constraints of variables divided by their ``unit``, which they do not exceed, with coefficients of about 1.

    What the solver would drop as too small is left out here, and its constraint loosened by all that it can amount to:
    so nothing is proved that the whole constraint does not allow.
    """
    whole = (matrix @ sparse.diags_array(unit)).tocsr()
    row = _power(abs(whole).max(axis=1).toarray().ravel())
    whole = (sparse.diags_array(1 / row) @ whole).tocsr()
    small = whole.copy()
    small.data = np.where(abs(whole.data) < DROPPED, abs(whole.data), 0.0)
    whole.data[abs(whole.data) < DROPPED] = 0.0
    whole.eliminate_zeros()
    loose = small.sum(axis=1)
    return whole, least / row - loose, most / row + loose


def _reason(message: str, limits: Limits) -> str:
    return "the time was up" if limits.over else " ".join(str(message).split())


def _choices(program: Program) -> tuple[sparse.csr_array, Any, Any, int]:
    """Constraints ``low <= rows @ (variables, choices) <= high`` of all rectifiers and maxima, and how many choices."""
    rows: list[int] = []
    columns: list[int] = []
    values, low, high = list[float](), list[float](), list[float]()
    count, base = 0, len(program.low)

    def constraint(entries: dict[int, float], least: float, most: float) -> None:
        rows.extend([len(low)] * len(entries))
        columns.extend(entries)
        values.extend(entries.values())
        low.append(least)
        high.append(most)

    for before, after in program.relus:
        choice, least, most = base + count, float(program.low[before]), float(program.high[before])
        constraint({after: 1.0, before: -1.0}, 0.0, np.inf)
        constraint({after: 1.0, before: -1.0, choice: -least}, -np.inf, -least)
        constraint({after: 1.0, choice: -most}, -np.inf, 0.0)
        count += 1
    for largest, members in program.maxima:
        for place, (index, constant) in enumerate(members):
            own = {largest: 1.0} | ({index: -1.0} if index >= 0 else {})
            least = float(program.low[index]) if index >= 0 else constant
            slack = float(program.high[largest]) - least
            offset = 0.0 if index >= 0 else constant
            constraint(own, offset, np.inf)
            constraint(own | {base + count + place: slack}, -np.inf, slack + offset)
        constraint({base + count + place: 1.0 for place in range(len(members))}, 1.0, 1.0)
        count += len(members)
    matrix = sparse.csr_array((values, (rows, columns)), shape=(len(low), base + count))
    return matrix, np.array(low), np.array(high), count
