"""Imports weights of a published net, so that a training can start from them: `model.weights` in a configuration.

python -m training.import_weights efficientnet_lite0.pth --as timm:tf_efficientnet_lite0 \
    --out weights/tf_efficientnet_lite0.safetensors --licence "Apache 2.0" --half
"""

import argparse
import sys
from pathlib import Path

from hvit.files import file_sha256
from hvit.models.baselines import PREFIX, plain_model
from hvit.models.pretrained import Origin, PretrainedWeights, read_state_dict, renamed, save_pretrained


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        import_weights(args)
    except (ValueError, OSError) as error:
        print(f"training.import_weights: {error}", file=sys.stderr)
        return 2
    print(args.out)
    return 0


def import_weights(args: argparse.Namespace) -> None:
    """Reads, checks and renames a state dict, and writes it with its origin."""
    if not args.architecture.startswith(PREFIX):
        raise ValueError(f"--as {args.architecture}: expected a model of timm, for example timm:tf_efficientnet_lite0")
    net = plain_model(args.architecture.removeprefix(PREFIX), 1000, 224)
    tensors = renamed(read_state_dict(args.file), net.state_dict())
    if args.half:
        # Statistics of batch norms span more than float16 holds.
        tensors = {name: value if "running_" in name or not value.is_floating_point() else value.half()
                   for name, value in tensors.items()}  # fmt: skip
    expects = net.pretrained_cfg
    origin = Origin(
        architecture=args.architecture,
        mean=tuple(args.mean or expects["mean"]),
        std=tuple(args.std or expects["std"]),
        source=args.source or args.file.name,
        licence=args.licence,
        trained_on=args.trained_on,
        sha256=file_sha256(args.file),
    )
    save_pretrained(args.out, PretrainedWeights(tensors, origin))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="training.import_weights",
        description=__doc__.split("\n", 2)[0],
        epilog=__doc__.split("\n", 2)[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, help="state dict: .safetensors, or .pth of torch.save")
    parser.add_argument("--as", dest="architecture", required=True, metavar="timm:NAME", help="model it belongs to")
    parser.add_argument("--out", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--source", help="where the file was found; its name if unsaid")
    parser.add_argument("--licence", default="unknown", help="of the weights")
    parser.add_argument("--trained-on", default="ImageNet-1k", help="data set the weights learned from")
    parser.add_argument("--mean", type=float, nargs=3, help="of the input, in [0, 1]; timm's for this model if unsaid")
    parser.add_argument("--std", type=float, nargs=3, help="of the input, in [0, 1]; timm's for this model if unsaid")
    parser.add_argument("--half", action="store_true", help="store float16")
    return parser


if __name__ == "__main__":
    sys.exit(main())
