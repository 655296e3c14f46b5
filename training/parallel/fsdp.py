"""Sharding of weights by block (FSDP2), gathering, and their checkpoint files (DCP).

torch's modules for it take half a second to import, and most trainings do without: they are imported where needed.
"""

import copy
import warnings
from pathlib import Path

from torch import Tensor, nn

from hvit.models.layers import Block
from training.parallel.world import World


def shard(module: nn.Module, world: World) -> None:
    """Shards every weight over the processes; those of a block are gathered while it computes.

    Gradients are averaged over processes and divided alike. The weights must be the same on all processes, and what
    optimizes them be made afterwards. Only `module` itself can be called then, no part of it.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(world.device.type, (world.size,))
    for block in [part for part in module.modules() if isinstance(part, Block)]:
        fully_shard(block, mesh=mesh)
    fully_shard(module, mesh=mesh)


class GatheredModule:
    """Gathers a module with all its weights on this process, for prediction.

    Args:
        module: or a part of one; make this before it is sharded.
        is_sharded: whether it will be; if not, it is given as it is.
    """

    def __init__(self, module: nn.Module, is_sharded: bool):
        self._module = module
        self._empty = copy.deepcopy(module).to("meta") if is_sharded else None

    def __call__(self) -> nn.Module:
        """Gathers the weights, as a copy where they are sharded; every process must call it at the same point."""
        if self._empty is None:
            return self._module
        module = copy.deepcopy(self._empty)
        weights = {name: value.full_tensor() for name, value in self._module.state_dict().items()}
        module.load_state_dict(weights, assign=True)
        return module.eval()


def save_shards(folder: Path, tensors: dict[str, Tensor]) -> None:
    """Writes one safetensors file a process, each with its shard; every process must call it at the same point.

    Raises:
        OSError: on all processes, where one of them could not write.
    """
    from torch.distributed import checkpoint as dcp

    try:
        dcp.save(tensors, storage_writer=dcp.HuggingFaceStorageWriter(str(folder), save_distributed=True))
    except dcp.CheckpointException as error:  # a BaseException with the error of each process
        rank, (cause, _) = next(iter(error.failures.items()))
        if not isinstance(cause, OSError):
            raise cause from None
        raise OSError(cause.errno, f"process {rank}: {cause.strerror or cause}") from None


def shapes_in(folder: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the full tensors in the safetensors files of a folder, sharded or not."""
    from torch.distributed import checkpoint as dcp

    found = dcp.HuggingFaceStorageReader(str(folder)).read_metadata().state_dict_metadata
    return {name: tuple(stored.size) for name, stored in found.items()}


def read_into(tensors: dict[str, Tensor], folder: Path) -> None:
    """Fills tensors from the safetensors files of a folder; of sharded tensors, the local shard."""
    from torch.distributed import checkpoint as dcp

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled")  # each process reads for itself
        dcp.load(tensors, storage_reader=dcp.HuggingFaceStorageReader(str(folder)), no_dist=True)
