"""The commands of `python -m hvit`, one a file: `add_parser(subparsers)` and `run(args) -> exit status`."""
