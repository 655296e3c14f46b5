"""Whether each loss and each way of mixing can learn at all: a micro model gets 32 pictures right."""

import numpy as np
import pytest
import torch

from hvit.data.caching.photo_cache import PhotoCache, open_cache
from hvit.data.datasets.reading import read_samples
from hvit.data.preprocess import Preprocessing
from hvit.models import HViT, ModelConfig
from training.config import FinetuneConfig
from training.engine.losses import ClassificationLoss
from training.engine.optim import adamw
from training.engine.steps import predict, train_step
from training.inputs.sampler import Sampler, class_shares
from training.parallel.world import World

MICRO = ModelConfig((16, 32, 64, 128), (1, 1, 1, 1), head_dim=16, num_classes=3, img_size=64)
HERE = World(0, 1, torch.device("cpu"))
LOSSES = {
    "cross_entropy": {},
    "focal": {"name": "focal"},
    "balanced_softmax": {"name": "balanced_softmax"},
    "class weights": {"class_weights": 1.0},
}
MIXES = {"no mix": (0.0, 0.0), "mixup": (1.0, 0.0), "cutmix": (1.0, 1.0)}
PAIRS = [  # every loss and every mix once; the other pairs are slow
    pytest.param(loss, mix, marks=[] if loss == "cross_entropy" or mix == "no mix" else pytest.mark.slow)
    for loss in LOSSES
    for mix in MIXES
]


@pytest.fixture(scope="module")
def pictures(color_photos, tmp_path_factory) -> tuple[PhotoCache, np.ndarray]:
    """32 pictures: 16 of one class, and 10 and 6 of the others."""
    samples = read_samples([color_photos], "train")
    names = sorted({sample.label for sample in samples})
    chosen = [s for name, n in zip(names, (16, 10, 6)) for s in [s for s in samples if s.label == name][:n]]
    cache = open_cache(chosen, 96, tmp_path_factory.mktemp("cache"))
    return cache, np.array([names.index(sample.label) for sample in chosen])


@pytest.mark.case("T13")
@pytest.mark.parametrize(("loss", "mix"), PAIRS)
def test_a_micro_model_gets_all_of_32_pictures_right(pictures, loss, mix):
    cache, labels = pictures
    probability, cutmix_share = MIXES[mix]
    config = FinetuneConfig.model_validate(
        {
            "data": {"dirs": ["."]},
            "loss": LOSSES[loss],
            "augment": {
                "min_area": 0.7,
                "whole": 0.5,
                "max_margin": 0.0,
                "color_probability": 0.0,
                "mix_probability": probability,
                "cutmix_share": cutmix_share,
            },
            "phases": [{"until": 1.0, "img_size": 64}],
            "square": 1.0,
            "batch_size": 32,
        }
    )
    torch.manual_seed(0)
    model, preprocessing = HViT(MICRO).train(), Preprocessing(64)
    shares = torch.from_numpy(class_shares(labels, np.ones(32), 3))
    criterion = ClassificationLoss(config.loss, 0.05, shares, ["a", "b", "c"])
    optimizer, sampler = adamw(model, 3e-3, 0.01, 0.98), Sampler(np.ones(32), 0)
    for step in range(120):
        train_step(step, model, model, cache, labels, sampler, preprocessing, criterion, config, 0.0, HERE)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 10 == 9:
            logits = predict(model.eval(), cache, np.arange(32), preprocessing, HERE)
            model.train()
            if (right := (logits.argmax(1) == labels).mean()) == 1:
                break
    assert right == 1, f"{right:.0%} after {step + 1} steps"
