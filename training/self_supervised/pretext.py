"""Pretext tasks: contrastive learning (simclr) and masked autoencoding (mae)."""

from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import Tensor, nn

from hvit.data.caching.photo_cache import PhotoCache
from hvit.data.preprocess import Preprocessing
from hvit.data.transfer import to_device
from hvit.models import HViT
from hvit.models.pretraining import Contrastive, MaskedAutoencoder
from training.config import PretrainConfig
from training.engine.initial_weights import decoder_for
from training.engine.steps import set_drop_paths
from training.inputs.augment import augment
from training.inputs.masking import sample_visible_indices
from training.parallel.world import World
from training.self_supervised.contrastive import chance_loss, contrastive_loss


class Pretext(ABC):
    """A self-supervised task around the backbone of a model.

    Attributes:
        module: the trained module: the backbone with the heads of the task.
        chance: the loss of a backbone that gives every photo the same features.
    """

    module: nn.Module
    chance: float

    def __init__(self, model: HViT, config: PretrainConfig, preprocessing: Preprocessing, world: World):
        self.model, self.config, self.preprocessing, self.world = model, config, preprocessing, world

    @abstractmethod
    def loss(self, step_module: nn.Module, cache: PhotoCache, photos: np.ndarray, samples: np.ndarray, sides) -> Tensor:
        """Loss of one pass, a scalar with gradients.

        Args:
            step_module: `module`, or its wrapper that averages gradients over processes.
            photos: numbers in `cache`, (B,).
            samples: their global sample numbers, (B,).
            sides: height and width of the views in px.
        """

    @abstractmethod
    def compared(self) -> nn.Module:
        """Module from images to the vectors checked for collapse, (B, D)."""

    def _views(self, cache: PhotoCache, photos: np.ndarray, samples: np.ndarray, sides) -> Tensor:
        config, device = self.config, self.world.device
        views = augment(cache, photos, samples, sides, config.augment, config.seed, device)
        set_drop_paths(self.model, config.seed, samples, device)
        return self.preprocessing.normalize(views)

    def _autocast(self):
        return torch.autocast(self.world.device.type, torch.bfloat16, enabled=self.config.precision == "bf16")


class SimCLR(Pretext):
    """SimCLR: two views of a photo are matched among the views of all other photos."""

    def __init__(self, model: HViT, config: PretrainConfig, preprocessing: Preprocessing, world: World):
        super().__init__(model, config, preprocessing, world)
        chosen = config.contrastive
        self.module = Contrastive(model.backbone, chosen.hidden_dim, chosen.projection_dim)
        self.chance = chance_loss(config.batch_size * world.size, chosen.decoupled)

    def loss(self, step_module: nn.Module, cache: PhotoCache, photos: np.ndarray, samples: np.ndarray, sides) -> Tensor:
        # Every view is a sample of its own: numbers 2g and 2g + 1.
        views = self._views(
            cache, np.concatenate([photos, photos]), np.concatenate([2 * samples, 2 * samples + 1]), sides
        )
        with self._autocast():
            projections = step_module(views)
        chosen = self.config.contrastive
        return contrastive_loss(*projections.chunk(2), chosen.temperature, chosen.decoupled, self.world)

    def compared(self) -> nn.Module:
        return self.module


class MaskedAutoencoding(Pretext):
    """Masked autoencoding: hidden units of a view are reconstructed from the visible ones."""

    chance = 1.0  # of painting every unit in its mean color

    def __init__(self, model: HViT, config: PretrainConfig, preprocessing: Preprocessing, world: World):
        super().__init__(model, config, preprocessing, world)
        self.module = MaskedAutoencoder(model.backbone, decoder_for(model, config.masked))

    def loss(self, step_module: nn.Module, cache: PhotoCache, photos: np.ndarray, samples: np.ndarray, sides) -> Tensor:
        views = self._views(cache, photos, samples, sides)
        visible_indices = sample_visible_indices(self.config.seed, samples, sides, self.config.masked.mask_ratio)
        with self._autocast():
            return step_module(views, to_device(visible_indices, self.world.device))

    def compared(self) -> nn.Module:
        return self.model


PRETEXTS: dict[str, type[Pretext]] = {"simclr": SimCLR, "mae": MaskedAutoencoding}
