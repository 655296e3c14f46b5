"""Knowledge distillation from the class probabilities of trained runs.

The teacher sees the same images as the student, mixed ones included ("patient and consistent" teaching, Beyer et al.
2022, arXiv:2106.05237), each with its own normalization. The student may also learn to predict the
pooled features of the teacher from its own, by a linear map that is left out of the trained model.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvit.models import Classifier
from hvit.runs import find_run
from hvit.runs.checkpoint import Checkpoint, load_checkpoint
from training.config import ConfigError, DistillConfig, FinetuneConfig


@dataclass(frozen=True)
class SoftTargets:
    """Mean class probabilities and pooled features of the teachers for a batch.

    Attributes:
        probs: class probabilities at the temperature, mean over the teachers, (B, K) float32.
        embeddings: pooled features, one of (B, C) float32 for each teacher; empty where nobody learns them.
    """

    probs: Tensor
    embeddings: tuple[Tensor, ...] = ()


def load_teachers(config: FinetuneConfig, device: torch.device) -> list[Checkpoint]:
    """Loads the runs a configuration names as teachers; empty where it names none.

    Raises:
        ConfigError: a teacher needs more than the image, or does not support an image size of this training.
        RunError: there is no such run.
        CheckpointError: it has no weights or no classes, or damaged ones.
    """
    if config.distill is None:
        return []
    teachers = [load_checkpoint(find_run(run).path, device) for run in config.distill.teachers]
    for teacher in teachers:
        if teacher.spectral is not None:
            raise ConfigError(
                f"distill: run {teacher.name} takes a spectral image in addition to the photo; choose another"
            )
        try:
            teacher.model.check_image_sizes([(phase.img_size, phase.img_size) for phase in config.phases])
        except ValueError as error:
            raise ConfigError(f"distill: run {teacher.name}: {error}") from None
    return teachers


def check_same_classes(teachers: list[Checkpoint], classes: list[str]) -> None:
    """Checks that a teacher has the classes of the student.

    Raises:
        ConfigError: names the first class that only one of the two has.
    """
    for teacher in teachers:
        if other := sorted(set(teacher.classes) ^ set(classes)):
            raise ConfigError(
                f"distill: run {teacher.name} knows {len(teacher.classes)} classes and the photos show {len(classes)}; "
                f"only one of the two has {other[0]}; a teacher must know the same classes"
            )


class Teacher:
    """Ensemble of frozen teachers with averaged probabilities.

    Args:
        checkpoints: of the teachers.
        classes: of the student, in the order of its logits.
        config: weights and temperature.
        bf16: compute in bfloat16 on an accelerator; on the CPU teachers compute in float32.
    Raises:
        ConfigError: a teacher knows other classes than the student.
    """

    def __init__(self, checkpoints: list[Checkpoint], classes: list[str], config: DistillConfig, bf16: bool = False):
        check_same_classes(checkpoints, classes)
        self.config, self._bf16 = config, bf16
        self.sha256 = [checkpoint.sha256 for checkpoint in checkpoints]
        self.nets = [TeacherNet(checkpoint, classes) for checkpoint in checkpoints]

    @torch.no_grad()
    def __call__(self, views: Tensor, samples: np.ndarray, progress: float) -> SoftTargets:
        """Predicts soft targets for a batch of views.

        Args:
            views: RGB in [0, 255], (B, 3, H, W) float32.
            samples, progress: identify the views for teachers with stored outputs; ignored here.
        """
        with torch.autocast(views.device.type, torch.bfloat16, enabled=self._bf16 and views.is_cuda):
            outputs = [net(views, self.config.features > 0) for net in self.nets]
        return soft_targets(outputs, self.config.temperature)

    def embedding_dims(self, side: int) -> list[int]:
        """Width of each teacher's pooled features, found with an image of `side` px."""
        return [net.embedding_dim(side) for net in self.nets]


class TeacherNet:
    """A teacher model with its own normalization.

    Attributes:
        order: place of each class of the student among those of the teacher, (K,).
    """

    def __init__(self, checkpoint: Checkpoint, classes: list[str]):
        self.checkpoint, device = checkpoint, checkpoint.device
        # Made once: an accelerator is waited for where a tensor is made from numbers.
        self._mean, self._std = (
            torch.tensor(values, device=device).mul(255)[:, None, None]
            for values in (checkpoint.preprocessing.mean, checkpoint.preprocessing.std)
        )
        self.order = torch.tensor([checkpoint.classes.index(name) for name in classes], device=device)

    def __call__(self, views: Tensor, with_embedding: bool) -> tuple[Tensor, Tensor | None]:
        """Logits in the student's class order (B, K), and on request pooled features (B, C)."""
        model, images = self.checkpoint.model, self.normalize(views)
        logits, embedding = model.forward_embedding(images) if with_embedding else (model(images), None)
        return logits[:, self.order], embedding

    def normalize(self, views: Tensor) -> Tensor:
        """Normalizes views in [0, 255] as the teacher expects."""
        return (views - self._mean) / self._std

    def embedding_dim(self, side: int) -> int:
        """Width of its pooled features, found with an image of `side` px."""
        return embedding_dim(self.checkpoint.model, side)


def soft_targets(outputs: list[tuple[Tensor, Tensor | None]], temperature: float) -> SoftTargets:
    """Averages softened probabilities over teachers, from logits (B, K) and pooled features (B, C) or None of each."""
    probs = torch.stack([(logits.float() / temperature).softmax(-1) for logits, _ in outputs]).mean(0)
    return SoftTargets(probs, tuple(embedding.float() for _, embedding in outputs if embedding is not None))


class FeatureStudent(nn.Module):
    """A classifier with a linear map from its pooled features to those of each teacher.

    Args:
        model: the classifier, which is kept after training.
        embedding_dims: of the teachers.
        side: an image size in px that the model supports.
    """

    def __init__(self, model: Classifier, embedding_dims: list[int], side: int):
        super().__init__()
        self.model = model
        own = embedding_dim(model, side)
        self.projections = nn.ModuleList(nn.Linear(own, dim) for dim in embedding_dims)

    def forward(self, images: Tensor, *spectral: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits (B, K), and predictions of each teacher's pooled features, (B, C) each."""
        logits, embedding = self.model.forward_embedding(images, *spectral)
        return logits, [projection(embedding) for projection in self.projections]

    def no_weight_decay(self) -> set[str]:
        """Names of the parameters besides norms and biases that must not decay."""
        return {f"model.{name}" for name in self.model.no_weight_decay()}

    def layer_groups(self) -> dict[str, int]:
        """Layer groups of the classifier; the linear maps are in the group of the head."""
        layers = {f"model.{name}": layer for name, layer in self.model.layer_groups().items()}
        top = max(layers.values())
        return layers | {name: top for name, _ in self.named_parameters() if name.startswith("projections.")}


@torch.no_grad()
def embedding_dim(model: Classifier, side: int) -> int:
    """Width of a model's pooled features, found with an image of `side` px."""
    was_training, device = model.training, next(model.parameters()).device
    _, embedding = model.eval().forward_embedding(torch.zeros(1, 3, side, side, device=device))
    model.train(was_training)
    return embedding.shape[1]


def distillation_loss(
    label_loss: Tensor, logits: Tensor, targets: SoftTargets, config: DistillConfig, guesses: list[Tensor] | None
) -> Tensor:
    """(1 - weight) * label loss + weight * `soft_target_loss` + features * mean of `feature_loss`, a scalar.

    Args:
        logits: of the student, (B, K).
        guesses: at the pooled features of each teacher, (B, C); None where the student does not learn them.
    """
    taught = soft_target_loss(logits, targets.probs, config.temperature)
    loss = (1 - config.weight) * label_loss + config.weight * taught
    if guesses is None:
        return loss
    of_each = [feature_loss(*pair) for pair in zip(guesses, targets.embeddings, strict=True)]
    return loss + config.features * torch.stack(of_each).mean()


def soft_target_loss(logits: Tensor, teacher_probs: Tensor, temperature: float) -> Tensor:
    """Kullback-Leibler divergence from the teacher to the student at a temperature, times its square.

    The square keeps the size of the gradients whatever the temperature is (Hinton et al. 2015, arXiv:1503.02531,
    section 2.1).

    Args:
        logits: of the student, (B, K).
        teacher_probs: of the teacher at the same temperature, (B, K).
    Returns:
        Mean over the images, a scalar.
    """
    log_probs = (logits.float() / temperature).log_softmax(-1)
    return F.kl_div(log_probs, teacher_probs, reduction="batchmean") * temperature**2


def feature_loss(guess: Tensor, embedding: Tensor) -> Tensor:
    """1 - cosine similarity of predicted and true pooled features, (B, C) each; mean over the images, a scalar.

    The features are first normalized over their channels, without learned scale or shift, so that none of those that
    are large for every image dominates (Wei et al. 2022, arXiv:2205.14141, section 3.1); cosine ignores their norm.
    """
    target = F.layer_norm(embedding, embedding.shape[-1:])
    return (1 - F.cosine_similarity(guess.float(), target, dim=-1)).mean()
