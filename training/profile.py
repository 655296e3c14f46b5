"""Profiles a training step, and measures its speed without data loading.

python -m training.profile --config training/configs/leaf45_tiny.yaml
python -m training.profile --config training/configs/leafsim_simclr.yaml --set batch_size=32 --steps 10

The share of each part is that of the first process, from torch's profiler. The speed without pictures is measured in
turns with the real one, A B A B: every second turn takes the pictures of the step before again. Nothing is kept.
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile, record_function

import training.engine.steps
import training.self_supervised.pretext
from hvit.console import at_least, print_json, print_table
from hvit.speed.benchmark import machine
from training.command_line import config_parser, reports_os_errors
from training.config import FinetuneConfig, PretrainConfig, kind_of, load_config
from training.engine.timing import take_steps, wait
from training.engine.trainer import Training
from training.finetune import Finetuning
from training.inputs.profiler_regions import AUGMENTATION, BACKWARD, PHOTOS, UPDATE
from training.parallel.signals import EXIT_USER
from training.parallel.world import World, join_world
from training.pretrain import Pretraining

STEP, REST = "step", "forward, and all else"
WARM_UP = 3  # steps before any are timed
TURNS = 5


@reports_os_errors("training.profile")
def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else torch's profiler says on stderr when it starts and stops
    try:
        kind = kind_of(args.config)
        config = load_config(args.config, [*args.set, "checkpoint_minutes=1e9"], kind)
        with join_world(args.device) as world, tempfile.TemporaryDirectory() as folder:
            if world.size > 1:
                raise ValueError("one process is profiled; leave torchrun out")
            found = profile_steps(warmed_up_training(config, Path(folder) / "run", world), args.steps)
    except ValueError as error:
        print(f"training.profile: {error}", file=sys.stderr)
        return EXIT_USER
    document = {"machine": machine(), "config": args.config.as_posix(), "set": args.set, **found}
    if args.json:
        print_json(document)
    else:
        _print(document)
    return 0


def warmed_up_training(config: FinetuneConfig | PretrainConfig, run_dir: Path, world: World) -> Training:
    """A training that has done its first steps, which are slower than others; all processes must call it."""
    program = Finetuning if isinstance(config, FinetuneConfig) else Pretraining
    training = program(config, run_dir, None, world)
    training._begin()
    training.signals.finishes_step = True
    take_steps(training, WARM_UP)
    return training


def profile_steps(training: Training, steps: int) -> dict:
    """Profiles the next steps of a training.

    Args:
        steps: of a turn.
    """
    return {
        "steps": steps,
        "images_per_step": training.schedule.images_per_step,
        "parts": parts_of_steps(training, steps),
        **speeds(training, steps),
    }


def parts_of_steps(training: Training, steps: int) -> list[dict]:
    """Profiles steps: milliseconds of each region, as "name", "host_ms", "share" of the host's, "device_ms"."""
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (training.world.device.type == "cuda")
    with profile(activities=activities) as found:
        for _ in range(steps):
            with record_function(STEP):
                training.train_step()
        wait(training)
    return _parts(found.events(), steps)


def speeds(training: Training, steps: int, turns: int = TURNS) -> dict[str, float]:
    """Images a second of training steps, in turns with steps on cached views.

    Args:
        steps: of a turn.
    """
    real, without = [], []
    for _ in range(turns):
        real.append(take_steps(training, steps)[0])
        with _pictures_again():
            take_steps(training, 1)  # fills the cache of views
            without.append(take_steps(training, steps)[0])
    return {
        "images_per_s": training.schedule.images_per_step / statistics.median(real),
        "images_per_s_without_pictures": training.schedule.images_per_step / statistics.median(without),
        "of_speed_without_pictures": statistics.median(b / a for a, b in zip(real, without)),
    }


@contextmanager
def _pictures_again() -> Iterator[None]:
    """Replaces augmentation by cached views of the first batch of each shape; the rest of a step is unchanged."""
    views: dict[tuple, torch.Tensor] = {}

    def again(cache, photos, samples, sides, *rest):
        key = (len(photos), *sides)
        if key not in views:
            views[key] = before[0](cache, photos, samples, sides, *rest)
        return views[key].clone()

    places = (training.engine.steps, training.self_supervised.pretext)
    before = [place.augment for place in places]
    for place in places:
        place.augment = again
    try:
        yield
    finally:
        for place, augment in zip(places, before):
            place.augment = augment


def _parts(events, steps: int) -> list[dict]:
    """Milliseconds of each region a step: on the host, and on the accelerator where there is one."""
    host, device = defaultdict(float), defaultdict(float)
    for event in events:
        if event.name in (STEP, PHOTOS, AUGMENTATION, BACKWARD, UPDATE) and event.device_type.name == "CPU":
            host[event.name] += event.cpu_time_total / 1e3 / steps
            device[event.name] += event.device_time_total / 1e3 / steps
    for times in (host, device):
        times[AUGMENTATION] -= times[PHOTOS]
        times[REST] = times[STEP] - sum(times[part] for part in (PHOTOS, AUGMENTATION, BACKWARD, UPDATE))
    parts = (PHOTOS, AUGMENTATION, REST, BACKWARD, UPDATE)
    return [
        {"name": part, "host_ms": host[part], "share": host[part] / host[STEP], "device_ms": device[part]}
        for part in parts
    ]


def _print(document: dict) -> None:
    on_gpu = any(part["device_ms"] for part in document["parts"])
    print_table(
        ["part of a step", "ms", "share", *(["ms on the accelerator"] if on_gpu else [])],
        (
            [part["name"], f"{part['host_ms']:.1f}", f"{100 * part['share']:.1f} %"]
            + ([f"{part['device_ms']:.1f}"] if on_gpu else [])
            for part in document["parts"]
        ),
    )
    print(
        f"{document['images_per_s']:.0f} img/s, {100 * document['of_speed_without_pictures']:.1f} % of the "
        f"{document['images_per_s_without_pictures']:.0f} if pictures cost nothing"
    )


def _parser() -> argparse.ArgumentParser:
    parser = config_parser(
        "training.profile", "Where the time of a training step goes.", __doc__.split("\n", 2)[2], "batch_size=32"
    )
    parser.add_argument("--steps", type=at_least(1), default=20, metavar="N", help="of each turn (default 20)")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


if __name__ == "__main__":
    sys.exit(main())
