"""What the Ablations page says."""

from app.ablations import words
from hvit.runs.seed_groups import differences
from hvit.scoring.ablation import AblationRow
from hvit.scoring.comparison import Gain

GAIN = Gain(0.5, (0.4, 0.6), 0.4, (0.3, 0.5), -0.1, -0.15, -0.05, 2, 1677)


def row(variant: str, seeds: int, gain: Gain | None = None) -> AblationRow:
    return AblationRow(variant, [f"{variant}-{i}" for i in range(seeds)], 0.5, 0.5, None, gain, gain)


def test_a_basis_says_how_many_seeds_and_pictures_and_warns_of_few():
    text = words.basis([row("full", 2), row("without_ema", 2, GAIN)])
    assert text.startswith("One training with one change at a time, 2 seeds each, evaluated on 1,677 pictures.")
    assert "Fewer than 3 seeds" in text
    assert "Fewer" not in words.basis([row("full", 3), row("plain", 3, GAIN)])
    assert "1 to 3 seeds each." in words.basis([row("full", 3), row("plain", 1)])


def test_a_change_names_the_setting_with_both_values():
    full = {"optim": {"ema_decay": 0.99}, "init": "runs/pre-0", "seed": 0}
    own = {"optim": {"ema_decay": 0.0}, "init": None, "seed": 1}
    assert words.changes(differences([full, own])) == "optim.ema_decay: 0.99 → 0; init: runs/pre-0 → none"
    assert words.changes(differences([full, full | {"seed": 2}])) == ""
    assert words.changes(differences([{}, {"square": 0.6}])) == "square: unset → 0.6"
