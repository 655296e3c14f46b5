"""Activation memory of a forward pass, measured without training."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from training.config import FinetuneConfig, PretrainConfig

BYTES_A_WEIGHT = 16  # float32: the weight, its gradient and the two moments of AdamW
BYTES_AVERAGED = 4


def activation_bytes(
    module: nn.Module, run: Callable[[int], object], batch_size: int, precision: str, device: torch.device
) -> int:
    """Bytes saved for backward by one forward pass of `batch_size` images, without gradient checkpointing.

    Measured for one and two images, and extrapolated linearly.

    Args:
        run: forward pass of `module` on a number of images; returns the outputs that require gradients.
        precision: fp32 or bf16.
    """
    module.train()
    one, two = (_kept_bytes(module, run, count, precision, device) for count in (1, 2))
    return one + (batch_size - 1) * (two - one)


def _kept_bytes(
    module: nn.Module, run: Callable[[int], object], count: int, precision: str, device: torch.device
) -> int:
    own = {parameter.untyped_storage().data_ptr() for parameter in module.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor  # which keeps it alive, so that no other gets its place

    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"),
    ):
        output = run(count)  # noqa: F841  keeps the saved tensors alive
    return sum(kept.values())


def print_memory(
    params: int, activations: int, what: str, config: FinetuneConfig | PretrainConfig, num_processes: int
) -> None:
    """Prints the memory of a process, and what the estimate leaves out.

    Args:
        activations: from `activation_bytes`.
        what: description of the forward pass.
    """
    averaged = isinstance(config, FinetuneConfig)  # with a copy for the EMA
    shards = num_processes if config.sharded else 1
    state = (BYTES_A_WEIGHT + BYTES_AVERAGED * averaged) * params // shards
    parts = "weights, gradients, moments and average" if averaged else "weights, gradients and moments"
    if shards > 1:
        parts = f"1/{shards} of {parts}"
    print(
        f"\nMemory    about {(state + activations) / 2**20:,.0f} MB a process (an estimate): {state / 2**20:,.0f} for "
        f"{parts}, {activations / 2**20:,.0f} for a pass of {what};"
    )
    less = " Gradient checkpointing takes less than this." if config.model.grad_checkpointing else ""
    print(f"          libraries, photos and what a kernel needs besides come on top.{less}")
    if config.sharded and shards == 1:
        print("          sharded: several processes would divide the first part among them; one has it all.")
