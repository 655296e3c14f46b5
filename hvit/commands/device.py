"""Where to compute."""


def chosen_device(name: str) -> str:
    """ "cpu" or "cuda" for `--device`.

    Raises:
        ValueError: CUDA is asked for and not there.
    """
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: there is no CUDA device here; use --device cpu")
    return "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"
