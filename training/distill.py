"""Knowledge distillation: a student learns from the class probabilities of trained runs, beside the labels.

The teacher sees exactly the picture the student sees, mixed pictures included ("patient and consistent" teaching, Beyer
et al. 2022, arXiv:2106.05237); each net gets its own normalization of it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from hvit.checkpoint import Checkpoint, load_checkpoint
from hvit.runs import find_run
from training.config import ConfigError, DistillConfig


def load_teachers(config: DistillConfig, device: torch.device) -> list[Checkpoint]:
    """The runs a configuration names as teachers, ready to predict.

    Raises:
        ConfigError: a teacher needs more than the picture.
        RunError: there is no such run.
        CheckpointError: it has no weights or no classes, or damaged ones.
    """
    teachers = [load_checkpoint(find_run(run).path, device) for run in config.teachers]
    for teacher in teachers:
        if teacher.spectral is not None:
            raise ConfigError(f"distill: run {teacher.name} takes a spectral picture beside the photo; choose another")
    return teachers


class Teacher:
    """One net or several whose probabilities are averaged; never trained.

    Args:
        checkpoints: of the teachers.
        classes: of the student, in the order of its logits.
        config: weight and temperature.
        bf16: compute in bfloat16 on an accelerator.
    Raises:
        ConfigError: a teacher knows other classes than the student.
    """

    def __init__(self, checkpoints: list[Checkpoint], classes: list[str], config: DistillConfig, bf16: bool = False):
        self.weight, self.temperature = config.weight, config.temperature
        self._checkpoints, self._bf16 = checkpoints, bf16
        self._orders = []
        for checkpoint in checkpoints:
            if set(checkpoint.classes) != set(classes):
                other = sorted(set(checkpoint.classes) ^ set(classes))
                raise ConfigError(
                    f"distill: run {checkpoint.name} knows {len(checkpoint.classes)} classes and the photos show "
                    f"{len(classes)}; only one of the two has {other[0]}; a teacher must know the same classes"
                )
            order = [checkpoint.classes.index(name) for name in classes]
            self._orders.append(torch.tensor(order, device=checkpoint.device))

    @torch.no_grad()
    def probabilities(self, views: Tensor) -> Tensor:
        """Class probabilities at the temperature, mean over the teachers.

        Args:
            views: RGB in [0, 255], (B, 3, H, W) float32.
        Returns:
            (B, K) float32.
        """
        mean = 0
        for checkpoint, order in zip(self._checkpoints, self._orders):
            images = checkpoint.preprocessing.normalize(views)
            with torch.autocast(views.device.type, torch.bfloat16, enabled=self._bf16 and views.is_cuda):
                logits = checkpoint.model(images)
            mean = mean + (logits.float()[:, order] / self.temperature).softmax(-1)
        return mean / len(self._checkpoints)

    def blend(self, label_loss: Tensor, logits: Tensor, views: Tensor) -> Tensor:
        """(1 - weight) * label loss + weight * distillation loss, a scalar; see `distillation_loss`."""
        taught = distillation_loss(logits, self.probabilities(views), self.temperature)
        return (1 - self.weight) * label_loss + self.weight * taught


def distillation_loss(logits: Tensor, teacher_probs: Tensor, temperature: float) -> Tensor:
    """Kullback-Leibler divergence from the teacher to the student at a temperature, times its square.

    The square keeps the size of the gradients whatever the temperature is (Hinton et al. 2015, arXiv:1503.02531,
    section 2.1).

    Args:
        logits: of the student, (B, K).
        teacher_probs: of the teacher at the same temperature, (B, K).
    Returns:
        Mean over the pictures, a scalar.
    """
    log_probs = (logits.float() / temperature).log_softmax(-1)
    return F.kl_div(log_probs, teacher_probs, reduction="batchmean") * temperature**2
