"""The sheet of augmented leaves, and what its eye should find: nothing painted, hardly anything removed."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hvit.data.caching.photo_cache import PhotoCache
from hvit.data.datasets.reading import RenderedSample
from hvit.data.leafsim import Address, plan, render
from hvit.data.leafsim.plan import HEALTHY
from training import sheet
from training.config import AugmentConfig
from training.inputs.augment import augment
from training.sheet import in_memory

CPU, ROOT = torch.device("cpu"), Path(__file__).parents[3]


def test_a_sheet_shows_each_class_as_it_is_and_as_training_sees_it(tiny_config, color_photos, tmp_path):
    out = tmp_path / "sheet.png"
    words = ["--config", str(tiny_config), "--data", str(color_photos), "--side", "64", "--out", str(out)]
    assert sheet.main(words) == 0
    strong, other = np.asarray(Image.open(out)).astype(int), tmp_path / "still.png"
    assert strong.shape[1] == 2 * sheet.MARGIN + 10 * (64 + sheet.GAP) + sheet.GAP
    assert sheet.main([*words[:-1], str(other), "--set", "augment.color=0", "--set", "augment.hue=0"]) == 0
    still = np.asarray(Image.open(other)).astype(int)
    left = sheet.MARGIN + 64  # the photo as it is does not change with strengths, and the views do
    assert np.array_equal(strong[:70, :left], still[:70, :left])
    assert np.abs(strong[:70, left:] - still[:70, left:]).mean() > 0.5


@pytest.mark.parametrize(("name", "rows"), [("leafsim_simclr", 4), ("leafsim_mae", 5)])
def test_a_sheet_of_a_pretraining_shows_views_and_what_is_hidden(color_photos, tmp_path, name, rows):
    out, config = tmp_path / "sheet.png", ROOT / "training" / "configs" / f"{name}.yaml"
    words = ["--config", str(config), "--data", str(color_photos), "--side", "64", "--out", str(out)]
    assert sheet.main(words) == 0
    picture = np.asarray(Image.open(out)).astype(int)
    assert picture.shape[0] >= rows * (sheet.TITLE + 64 + sheet.GAP)
    hidden = (picture[-64 - sheet.MARGIN - sheet.GAP : -sheet.MARGIN - sheet.GAP] == 0).all(2).mean()
    assert hidden > 0.2 if name == "leafsim_mae" else hidden < 0.2


@pytest.mark.parametrize(
    ("words", "expected"), [(["--out", "a.gif"], ".jpg or .png"), (["--out", "no/a.png"], "no folder no")]
)
def test_a_sheet_that_cannot_be_written_is_refused(tiny_config, capsys, words, expected):
    assert sheet.main(["--config", str(tiny_config), *words]) == 2
    assert expected in capsys.readouterr().err


def _cache(pictures: list[np.ndarray]) -> PhotoCache:
    samples = [RenderedSample.of(Address(1, 0))] * len(pictures)
    index = {"sizes": [p.shape[:2] for p in pictures], "sha256": [""] * len(pictures), "unreadable": {}}
    return PhotoCache(samples, index, np.concatenate([p.reshape(-1) for p in pictures]))


def test_changes_of_color_paint_nothing_on_an_even_green_leaf():
    leaf = np.full((64, 64, 3), (70, 150, 60), dtype=np.uint8)
    strengths = AugmentConfig(color_probability=1, noise_probability=0, whole=0, stretch=0, turn_probability=0)
    views = augment(_cache([leaf]), np.zeros(64, int), np.arange(64), (64, 64), strengths, 0, CPU)
    assert views.flatten(2).std(2).max() < 0.5  # of 255: one color, everywhere the same
    red, green, blue = views.mean((2, 3)).T
    assert (green > 1.3 * red).all() and (green > 1.3 * blue).all()  # and a green that is neither yellow nor brown


def test_hardly_any_view_hides_all_symptoms():
    """Masks of drawn symptoms go through the same geometry as the photos they belong to."""
    addresses = [a for a in (Address(1, i) for i in range(60)) if plan(a).condition != HEALTHY][:40]
    masks = [np.repeat(render(a, 96).symptom_mask[:, :, None], 3, 2).astype(np.uint8) * 255 for a in addresses]
    blank, shown = _cache([np.zeros_like(mask) for mask in masks]), _cache(masks)
    strengths = AugmentConfig(color_probability=0, blur_probability=0, noise_probability=0)
    hidden = []
    for first in range(0, 400, 40):
        arguments = (np.arange(40), first + np.arange(40), (96, 96), strengths, 0, CPU)
        lit = augment(shown, *arguments) - augment(blank, *arguments) > 64  # what fills a margin is in both
        hidden.append(~lit.flatten(1).any(1).numpy())
    assert 0 < np.mean(hidden) < 0.03  # 1 % of 1,200 views in `docs/training.md`


def test_a_cache_in_memory_holds_rendered_samples():
    sample = RenderedSample.of(Address(1, 3))
    assert np.array_equal(in_memory([sample])[0], sample.read().pixels)
