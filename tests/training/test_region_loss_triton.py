"""The GPU kernels compile for the GPUs people have, on machines without one, and as their docstring says.

That they compute the right numbers is tested in test_losses.py, by Triton's interpreter and, where there is one, on a
GPU.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

pytest.importorskip("triton")

from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.compiler import compile as compiled

from yucca_wm.training.losses import region_loss_triton

CONSTANTS = ("n_classes", "has_tube", "padded", "block")


@pytest.mark.parametrize("capability", [80, 90])
@pytest.mark.parametrize("logits", ["*fp32", "*bf16"])
@pytest.mark.parametrize("name", ["_sums_kernel", "_gradient_kernel"])
@pytest.mark.filterwarnings("ignore:TRITON_DEFAULT_FP_FUSION")
def test_each_thread_holds_all_classes_of_its_voxels(name: str, logits: str, capability: int) -> None:
    kernel = getattr(region_loss_triton, name)
    types = {"z_ptr": logits, "gradient_ptr": logits, "y_ptr": "*i32", "t_ptr": "*i32", "at_ptr": "*i64"}
    signature = {
        argument: "constexpr"
        if argument in CONSTANTS
        else types.get(argument, "*fp32" if argument.endswith("_ptr") else "i32")
        for argument in kernel.arg_names
    }
    padded, block, _ = region_loss_triton._tile(37, 1000)
    source = ASTSource(
        fn=kernel,
        signature=signature,
        constexprs=dict(zip(CONSTANTS, (37, True, padded, block), strict=True)),
        attrs={(i,): [["tt.divisibility", 16]] for i, name in enumerate(kernel.arg_names) if name.endswith("_ptr")},
    )
    made: Any = compiled(source, target=GPUTarget("cuda", capability, 32), options={"num_warps": 1})
    assert made.asm["cubin"]
    tile = re.search(r"#blocked = #ttg.blocked<\{(.*)\}>", made.asm["ttgir"])
    assert tile is not None
    assert tile[1] == "sizePerThread = [1, 1], threadsPerWarp = [1, 32], warpsPerCTA = [1, 1], order = [1, 0]"
    loop = re.search(r"scf\.for.*?scf\.yield", made.asm["ttgir"], re.DOTALL)
    assert (loop is not None) == (name == "_sums_kernel")
    assert loop is None or not re.search(r"convert_layout.*tensor<64x", loop[0]), "an exchange between threads"
    reads = re.findall(r"ld\.global\S*", made.asm["ptx"])
    assert len(reads) >= 37, "one load for each class"
