"""Satisfiability modulo linear real arithmetic, by z3: exact fractions, no tolerance."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from netopsy.core.errors import InputError
from netopsy.robustness.safety_verification.program import Program
from netopsy.robustness.safety_verification.solvers import Answer, Limits, Solver, constant_answer

LARGEST = 400_000
"""Coefficients beyond which z3 is not asked."""
LONGEST = 2_000_000.0
"""Seconds that z3 can be told."""


def solver() -> Solver:
    """The solver; raises `InputError` where z3 is not installed."""
    try:
        import z3  # noqa: F401
    except ImportError as error:
        raise InputError(
            "method 'smt' needs z3, which is not installed: pip install 'netopsy[verify]', or take method 'milp'"
        ) from error
    return solve


def solve(program: Program, over: int, rival: int, margin: float, limits: Limits) -> Answer:
    """See `Solver`."""
    import z3

    if limits.over:
        return Answer(False, reason="the time was up")
    if program.matrix.nnz > LARGEST:
        return Answer(False, reason=f"z3 is not asked about more than {LARGEST:,} coefficients")
    weights, constant = program.lead(rival, over)
    if not weights:
        return constant_answer(program, constant, margin)
    variables = [z3.Real(f"v{number}") for number in range(len(program.low))]
    asked = z3.SolverFor("QF_LRA")
    if limits.left is not None:
        asked.set("timeout", max(1, round(1000 * min(limits.left, LONGEST))))
    asked.add(*_constraints(program, variables, z3))
    lead = z3.Sum([_exact(weight, z3) * variables[index] for index, weight in weights.items()])
    asked.add(lead + _exact(constant, z3) <= _exact(margin, z3))
    answer = asked.check()
    if answer == z3.unsat:
        return Answer(True)
    if answer == z3.sat:
        model = asked.model()
        found = np.array([_number(model.eval(one, model_completion=True)) for one in variables])
        return Answer(False, program.input_of(found), "its witness lies within the margin")
    reason = asked.reason_unknown()
    if "interrupt" in reason:
        raise KeyboardInterrupt
    timed = reason in ("timeout", "canceled") or limits.over
    return Answer(False, reason="the time was up" if timed else f"z3 ended without an answer: {reason}")


def _constraints(program: Program, variables: list[Any], z3: Any) -> list[Any]:
    found = []
    for one, low, high in zip(variables, program.low, program.high, strict=True):
        found += [one >= _exact(low, z3), one <= _exact(high, z3)]
    matrix = program.matrix
    for row, right in enumerate(program.right):
        entries = slice(matrix.indptr[row], matrix.indptr[row + 1])
        terms = [
            _exact(value, z3) * variables[column]
            for column, value in zip(matrix.indices[entries], matrix.data[entries], strict=True)
        ]
        found.append(z3.Sum(terms) == _exact(right, z3))
    for before, after in program.relus:
        found.append(z3.If(variables[before] >= 0, variables[after] == variables[before], variables[after] == 0))
    for largest, members in program.maxima:
        values = [variables[index] if index >= 0 else _exact(constant, z3) for index, constant in members]
        found += [variables[largest] >= one for one in values]
        found.append(z3.Or([variables[largest] == one for one in values]))
    return found


def _exact(value: float, z3: Any) -> Any:
    fraction = Fraction(float(value))
    return z3.Q(fraction.numerator, fraction.denominator)


def _number(value: Any) -> float:
    return float(Fraction(value.numerator_as_long(), value.denominator_as_long()))
