"""Entry point of a training program: from the command line to the exit status."""

import argparse
import errno
import os
import sys
import traceback
from pathlib import Path

import torch

from hvit.console import escape_unprintable
from hvit.data.caching.photo_cache import UnreadablePhotosError
from hvit.runs import INFO, Run, RunInfo, check_not_taken
from training.command_line import AUTO, check_folder, run_dir_of
from training.config import load_config
from training.engine.storage import StorageError
from training.engine.trainer import Training
from training.parallel.signals import (
    EXIT_LOST,
    EXIT_PHOTOS,
    EXIT_PREEMPTED,
    EXIT_STORAGE,
    EXIT_USER,
    Signals,
    Stopped,
    leave_status,
)
from training.parallel.world import join_world

CONTINUE = -1  # in the place of an exit status
MISNAMED = (errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def start(kind: type[Training], parser: argparse.ArgumentParser, print_plan, argv: list[str] | None) -> int:
    """Entry point of a training program: from the command line to the exit status."""
    escape_unprintable()
    try:
        args = parser.parse_args(argv)
    except SystemExit as mistake:
        leave_status(mistake.code)
        raise
    size = int(os.environ.get("WORLD_SIZE", 1))
    try:
        with Signals():  # a stop while photos are read is none of a step
            status = _start(kind, args, print_plan)
    except Stopped:
        status = EXIT_PREEMPTED
    except UnreadablePhotosError as error:
        print(f"{kind.name}: {error}", file=sys.stderr)
        status = EXIT_PHOTOS
    except ValueError as error:
        print(f"{kind.name}: {error}", file=sys.stderr)
        status = EXIT_USER
    except OSError as error:
        if error.errno in MISNAMED and not isinstance(error, StorageError):
            print(f"{kind.name}: {error.filename}: {error.strerror}; name another folder", file=sys.stderr)
            return _leave(EXIT_USER, size)
        if not isinstance(error, StorageError) and error.errno not in FULL:
            return _broken(size)
        print(f"{kind.name}: {error}; make room, then go on with --resume", file=sys.stderr)
        status = EXIT_STORAGE
    except BaseException:
        return _broken(size)
    return _leave(status, size)


def _start(kind: type[Training], args: argparse.Namespace, print_plan) -> int:
    config, run_dir = load_config(args.config, args.set, kind.config_kind), run_dir_of(args)
    check_folder(run_dir, "--run-dir")
    check_folder(config.data.cache_dir, "data.cache_dir")
    with join_world(args.device, 60 * config.hang_minutes) as world:
        if args.dry_run:
            if world.is_main:
                print_plan(config, run_dir, world)
                if args.minutes is not None:
                    print(f"\nTime      {args.minutes:g} minutes: epochs and steps above are shares of them")
                check_not_taken(run_dir, resume=False)
            return 0
        resume = AUTO if world.restarted else args.resume
        ended = world.broadcast(_ended(run_dir, world.restarted) if world.is_main and resume == AUTO else CONTINUE)
        if ended != CONTINUE:
            if world.is_main:
                print(f"{kind.name}: {run_dir} is {Run(run_dir).status}", file=sys.stderr)
            return ended
        return kind(config, run_dir, resume, world, args.tag, args.minutes, args.replay).run()


def _ended(run_dir: Path, restarted: bool) -> int:
    """Exit status of a finished run, or `CONTINUE`.

    It is done, or it ended deliberately and torchrun restarted it anyway.
    """
    info = Run(run_dir).info if (run_dir / INFO).exists() else RunInfo()
    if info.status == "done":
        return 0
    return info.exit_status if restarted and info.exit_status is not None else CONTINUE


def _broken(size: int) -> int:
    """Handles an unexpected exception: re-raised on a single process, printed at once where others wait."""
    error = sys.exc_info()[1]
    if size == 1 or isinstance(error, SystemExit):
        raise error
    if isinstance(error, RuntimeError) and ("gloo" in str(error) or isinstance(error, torch.distributed.DistError)):
        rank = os.environ["RANK"]
        print(f"process {rank} lost another process: {str(error).splitlines()[0]}", file=sys.stderr, flush=True)
        return _leave(EXIT_LOST, size)
    traceback.print_exc()
    return _leave(1, size)


def _leave(status: int, size: int) -> int:
    leave_status(status)
    if size == 1:
        return status
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
