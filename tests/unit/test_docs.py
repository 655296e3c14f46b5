"""Commands that a reader is told to type are ones that the programs take."""

import json
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from app import widgets
from app.reviewing import words as review_words
from app.robustness import panels as robustness_panels
from app.words import shell_word
from hvit.__main__ import make_parser
from hvit.feature_space.mapped_samples import embed_command
from training.config import FinetuneConfig, PretrainConfig, load_config

ROOT = Path(__file__).resolve().parents[2]


def commands(document: Path) -> list[str]:
    """Commands in the blocks of code that start a program; those that leave something out are not meant to be typed."""
    blocks = document.read_text(encoding="utf-8").replace("\\\n", " ").split("```")[1::2]
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("python -m ") and "..." not in line and "$" not in line]


DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
KINDS = {"training.finetune": FinetuneConfig, "training.pretrain": PretrainConfig}
SHOWN_BY_THE_DASHBOARD = [
    widgets.QUICK_COMMAND.format(run="leaf45-tiny"),
    embed_command("leaf45-tiny", "test"),
    robustness_panels.COMMAND.format(run="leaf45-tiny"),
    widgets.TRAIN_COMMAND,
    widgets.TRAIN_COMMAND + widgets.FROM_NOTHING,
    review_words.quick_command(shell_word("batches/Field 7/verdicts.csv"), "leaf45-tiny"),
    review_words.finetune_command(shell_word("batches/Field 7/verdicts.csv")),
]


@pytest.mark.parametrize("command", [*(c for d in DOCUMENTS for c in commands(d)), *SHOWN_BY_THE_DASHBOARD])
def test_a_command_is_understood(command, monkeypatch):
    monkeypatch.chdir(ROOT)
    program, *words = shlex.split(command.replace("\\\n", " "), comments=True)[2:]
    parser = make_parser() if program == "hvit" else import_module(program)._parser()
    args = parser.parse_args(words)
    if program in KINDS:
        load_config(args.config, args.set, KINDS[program])


def test_own_photos_goes_from_drawing_to_training():
    text = " ".join(commands(ROOT / "docs" / "own-photos.md"))
    for program in ("data synthesize", "data check", "training.quick", "training.finetune", "hvit evaluate"):
        assert program in text


def test_tests_that_hold_the_cases_of_the_wild_exist():
    table = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8").split("| held by |")[1].split("\n\n")[0]
    there = set(re.findall(r"def (test_\w+)\(", "".join(p.read_text("utf-8") for p in ROOT.glob("tests/**/test_*.py"))))
    named = re.findall(r"`(test_\w+)`", table)
    assert len(named) >= 37 and set(named) <= there


def test_the_audit_in_the_documents_is_that_of_the_run():
    document = (ROOT / "docs" / "trust.md").read_text(encoding="utf-8")
    audit = json.loads((ROOT / "runs" / "leaf45-tiny" / "eval" / "test" / "audit.json").read_text(encoding="utf-8"))
    table = document.split("`leaf45-tiny`, 300 test photos")[1].split("\n\n")[1].splitlines()[2:]
    printed = [[cell.strip() for cell in row.split("|")[2:6]] for row in table]
    shown = [(cue["n"], cue["top1"], cue["clean_top1"], cue["lost"]) for cue in audit["cues"]]
    percent = [[f"{n:,}", *("" if share is None else f"{100 * share:.1f}" for share in shares)] for n, *shares in shown]
    assert printed == percent
