"""Choice of the compute device."""


def chosen_device(name: str) -> str:
    """Resolves `--device` to "cpu" or "cuda".

    Raises:
        ValueError: CUDA is asked for and not there.
    """
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: there is no CUDA device here; use --device cpu")
    if name == "cpu" or not torch.cuda.is_available():
        return "cpu"
    torch.backends.cudnn.allow_tf32 = False  # answers agree with those of the CPU to float32
    return "cuda"
