"""``yucca_train -m`` takes every network there is.

Patches ``main`` (yucca/pipeline/run/run_training.py), which asserts the name against a literal list of eleven.
Symptom: "MedNeXt_S_k3 is an invalid model name", although the class would be found; a name that does not exist
("UNetRE") passes and fails later.
Cure: the list, a constant of the compiled function, is replaced by one that accepts every name; looking the class up
then says which names there are.
"""

from __future__ import annotations

from typing import Any


class AnyName(tuple[str, ...]):
    """A tuple that contains everything."""

    def __contains__(self, name: object) -> bool:
        return True


def apply(module: Any) -> bool:
    """Replace the literal list of names in ``main`` by `AnyName`; False if there is no such list."""
    code = module.main.__code__
    listed = [const for const in code.co_consts if isinstance(const, tuple) and "MultiResUNet" in const]
    if not listed or any(isinstance(const, AnyName) for const in listed):
        return False
    consts = tuple(AnyName(const) if const in listed else const for const in code.co_consts)
    module.main.__code__ = code.replace(co_consts=consts)
    return True
