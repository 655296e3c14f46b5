"""Plan of an ablation study: a configuration, named changes, seeds, and the runs they make."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, field_validator

from training.config import ConfigError, FinetuneConfig, PretrainConfig, Section, load_config

FULL = "full"  # the variant without a change, which the others are compared with


class Pretraining(Section):
    """A pre-training that all runs of one seed start from."""

    config: Path  # of training.pretrain
    set: list[str] = []  # overrides, as for --set


class AblationPlan(Section):
    """A list of named changes to one configuration."""

    name: str = Field(pattern="^[a-z0-9]+(-[a-z0-9]+)*$")  # begins the names of the runs
    config: Path  # of training.finetune
    set: list[str] = []  # overrides that all runs share
    pretrain: Pretraining | None = None
    variants: dict[str, list[str]]  # name -> overrides, after those above
    seeds: list[int] = Field([0], min_length=1)
    data: list[Path] = Field(min_length=1)  # data sets and split of the evaluation
    split: str = "test"
    tta: bool = False  # also evaluate with test-time augmentation (mirror image)

    @field_validator("variants")
    @classmethod
    def _check_names(cls, variants: dict[str, list[str]]) -> dict[str, list[str]]:
        if FULL in variants:
            raise ValueError(f"{FULL} is the variant without a change; name yours otherwise")
        return variants


@dataclass(frozen=True)
class Trial:
    """One training of an ablation.

    Attributes:
        variant: `full`, a named change, or None for the pre-training that the others of its seed start from.
        program: module that trains.
        config: resolved configuration.
        words: command-line arguments.
        run_dir: folder of the run.
    """

    variant: str | None
    seed: int
    program: str
    config: FinetuneConfig | PretrainConfig
    words: list[str]
    run_dir: Path


def trials_of(plan: AblationPlan, runs: Path, only: list[str] | None = None) -> list[Trial]:
    """All trainings in execution order, seed by seed, so that a first comparison is available early.

    Args:
        runs: folder of the runs.
        only: variants to run; None is all.
    Raises:
        ConfigError: a variant is none of the plan's, or an override does not fit the configuration.
    """
    changes = {FULL: [], **plan.variants}
    unknown = [name for name in only or [] if name not in changes]
    if unknown:
        raise ConfigError(f"--only {unknown[0]}: the plan has {', '.join(changes)}")
    trials = []
    for seed in plan.seeds:
        shared = [*plan.set, f"seed={seed}"]
        if plan.pretrain is not None:
            before = _trial(plan, None, seed, plan.pretrain.config, [*plan.pretrain.set, f"seed={seed}"], runs)
            trials.append(before)
            shared.append(f"init={before.run_dir.as_posix()}")
        for variant in only or changes:
            trials.append(_trial(plan, variant, seed, plan.config, [*shared, *changes[variant]], runs))
    return trials


def _trial(plan: AblationPlan, variant: str | None, seed: int, config: Path, overrides: list[str], runs: Path) -> Trial:
    kind, program = (PretrainConfig, "pretrain") if variant is None else (FinetuneConfig, "finetune")
    words = ["--config", str(config), *(word for override in overrides for word in ("--set", override))]
    what = "pretraining" if variant is None else variant.replace("_", "-")
    run_dir = runs / f"{plan.name}-{what}-{seed}"
    tags = [f"ablation={plan.name}", f"variant={'pretraining' if variant is None else variant}"]
    words += ["--run-dir", str(run_dir), *(word for tag in tags for word in ("--tag", tag))]
    try:
        resolved = load_config(config, overrides, kind)
    except ConfigError as error:
        raise ConfigError(f"{variant or 'pretrain'}: {error}") from None
    return Trial(variant, seed, f"training.{program}", resolved, words, run_dir)
