"""A small data set drawn here: three classes that differ in color, on random backgrounds."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.engine.trainer import Training

CLASSES = {
    "Potato___Early_blight": (90, 60, 30),
    "Tomato___Late_blight": (40, 110, 60),
    "Tomato___healthy": (60, 190, 40),
}


@pytest.fixture(scope="session")
def color_photos(tmp_path_factory) -> Path:
    """DIR/{train,val,test}/CLASS/*.png, 16/8/4 photos a class, of different sizes and aspects."""
    root = tmp_path_factory.mktemp("data") / "colors"
    rng = np.random.default_rng(0)
    for split, count in (("train", 16), ("val", 8), ("test", 4)):
        for name, color in CLASSES.items():
            folder = root / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                height, width = ((80, 80), (72, 110), (100, 70))[i % 3]
                coarse = rng.integers(0, 255, (4, 4, 3), dtype=np.uint8)
                photo = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)
                cv2.circle(photo, (width // 2, height // 2), 28, color[::-1], -1)
                cv2.imwrite(str(folder / f"{i:02d}.png"), photo)
    return root


@pytest.fixture
def stop_after(monkeypatch):
    """Asks the trainings that follow to stop in their step of this number, counted from where they begin."""

    def ask(steps: int) -> None:
        true_step, left = Training.train_step, [steps]

        def step(self):
            left[0] -= 1
            self.signals.stop |= left[0] == 0
            return true_step(self)

        monkeypatch.setattr(Training, "train_step", step)

    return ask


@pytest.fixture(scope="session")
def tiny_config(color_photos, tmp_path_factory) -> Path:
    """A configuration that trains on `color_photos` in seconds."""
    path = tmp_path_factory.mktemp("configs") / "tiny.yaml"
    path.write_text(
        f"data: {{dirs: ['{color_photos}'], cache_dir: '{path.parent / 'cache'}'}}\n"
        "optim: {warmup_epochs: 0.5, ema_decay: 0.9}\n"
        "phases: [{until: 1.0, img_size: 64}]\n"
        "epochs: 4\nbatch_size: 16\neval_img_size: 64\neval_every: 2\nseed: 3\n"
    )
    return path
