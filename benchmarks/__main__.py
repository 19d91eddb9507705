"""``python -m benchmarks NAME...`` or ``all``: exit code 1 if a target is missed, 2 for a name that is none.

With ``--large``, those that have them also run their largest sizes, which take long.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Sequence

import benchmarks

LARGE = "--large"


def names() -> list[str]:
    """All benchmarks: the modules of this package that hold one."""
    modules = (module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    return sorted(name for name in modules if name != "timing" and not name.startswith("_"))


def main(wanted: Sequence[str]) -> int:
    """Run the benchmarks and print what they took."""
    known, large = names(), LARGE in wanted
    asked = [name for name in wanted if name != LARGE]
    chosen = known if asked == ["all"] else [name.replace("-", "_") for name in asked]
    unknown = [name for name in chosen if name not in known]
    if unknown or not chosen:
        print(
            f"benchmarks: give names among {', '.join(known)}, or all; got {' '.join(wanted) or 'none'}",
            file=sys.stderr,
        )
        return 2
    import torch

    missed = False
    for name in chosen:
        module = importlib.import_module(f"benchmarks.{name}")
        torch.set_num_threads(getattr(module, "THREADS", 1))
        print(f"{name}: {module.__doc__.strip().splitlines()[0]}")
        sized = large and "large" in inspect.signature(module.benchmarks).parameters
        for benchmark in module.benchmarks(**({"large": True} if sized else {})):
            missed |= not benchmark.report()
    return int(missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
