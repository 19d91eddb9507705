"""The test run checks shapes and types, in functions within functions too, and says which argument was wrong."""

from dataclasses import dataclass

import anyio
import jaxtyping
import pytest
from jaxtyping import Float, TypeCheckError, jaxtyped
from shape_checks import checked
from torch import Tensor, zeros


@jaxtyped(typechecker=checked)
def doubled(x: Float[Tensor, "n"], times: int = 2) -> Float[Tensor, "n"]:
    return x.repeat(times) if times != 2 else 2 * x


@pytest.mark.parametrize("given", [(zeros(2, 2),), (zeros(2).int(),), (zeros(2), 0.5)])
def test_wrong_arguments_are_refused(given):
    with pytest.raises(TypeCheckError, match="Type-check error whilst checking the parameters of .*doubled"):
        doubled(*given)


def test_a_wrong_result_is_refused():
    assert doubled(zeros(3)).shape == (3,)
    with pytest.raises(TypeCheckError, match="Type-check error whilst checking the return value of .*doubled"):
        doubled(zeros(3), 3)


def test_functions_of_one_name_keep_their_own_annotations():
    def made(kind):
        @jaxtyped(typechecker=checked)
        def inner(value: kind) -> kind:
            return value

        return inner

    for _ in range(2):
        assert made(int)(3) == 3
        assert made(str)("3") == "3"
        assert made(dict[str, int])({"a": 3}) == {"a": 3}
        with pytest.raises(TypeCheckError):
            made(int)("3")
        with pytest.raises(TypeCheckError):
            made(str)(3)
        with pytest.raises(TypeCheckError):
            made(dict[str, int])({"a": "3"})


def test_what_is_missing_is_said_by_the_function_itself():
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        checked(doubled.__wrapped__)()


def test_coroutines_and_dataclasses_are_checked():
    @checked
    async def half(value: int) -> int:
        return value // 2 if value else None

    assert anyio.run(half, 6) == 3
    for given in ("6", 0):
        with pytest.raises(TypeCheckError, match="half"):
            anyio.run(half, given)

    class_hook = jaxtyping.jaxtyped(typechecker=None)

    @class_hook
    @dataclass
    class Pair:
        first: int

    assert Pair(3).first == 3
    with pytest.raises(TypeCheckError, match="Pair.__init__"):
        Pair("3")


def test_the_package_is_checked():
    from netopsy.core.seeds import seeded

    with pytest.raises(TypeCheckError, match="seeded"):
        seeded("none")
