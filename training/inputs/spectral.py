"""Inputs of the spectral stream in training, and modality dropout."""

import numpy as np
import torch
from torch import Tensor

from hvit.console import progress as progress_bar
from hvit.data.caching.band_cache import open_bands
from hvit.data.caching.photo_cache import PhotoCache
from hvit.data.datasets.reading import readers
from hvit.data.preprocess import Preprocessing
from hvit.data.spectral import SpectralStream, vegetation_indices
from hvit.data.transfer import to_device
from training.config import AugmentConfig, ConfigError, FinetuneConfig, SpectralConfig
from training.inputs.augment import augment_bands
from training.inputs.random_streams import uniform
from training.parallel.world import World

MODALITY = 2100  # random stream
MEASURED_PHOTOS = 1000  # whose pixels decide mean and variance of each channel


def open_stream(config: FinetuneConfig, train: PhotoCache, val: PhotoCache, world: World) -> SpectralStream | None:
    """Builds the spectral stream of a configuration, and opens the bands of both caches where it takes any.

    Raises:
        ConfigError: no training photo has bands.
        DataError: a file of bands cannot be read, or is not of its photo.
    """
    spectral = config.spectral
    if spectral is None:
        return None
    if spectral.kind == "indices":
        planes = (_indices_of(train[i]) for i in _measured(np.arange(len(train))))
        return SpectralStream.fit(spectral.kind, spectral.channels, spectral.white, planes)
    for cache in (train, val):
        _open_bands(cache, config, world)
    present = np.flatnonzero(train.bands.present)
    if not present.size:
        raise ConfigError(
            "spectral.kind is bands, and no training photo has any; expected leaf.npy or leaf.bands.tif by leaf.jpg"
        )
    planes = (train.bands[i] for i in _measured(present))
    return SpectralStream.fit(spectral.kind, spectral.channels, spectral.white, planes)


def _open_bands(cache: PhotoCache, config: FinetuneConfig, world: World) -> None:
    """Opens the bands of a cache; the first process reads, the others wait."""
    if not world.is_main:
        world.barrier()
    spectral, folder = config.spectral, config.data.cache_dir
    show, workers = progress_bar("preparing bands"), readers(cache.samples)
    cache.bands = open_bands(cache.samples, cache.sizes, len(spectral.channels), spectral.white, folder, show, workers)
    if world.is_main:
        world.barrier()


def _measured(photos: np.ndarray) -> np.ndarray:
    """Subsamples photos evenly."""
    return photos[np.linspace(0, len(photos) - 1, min(len(photos), MEASURED_PHOTOS)).astype(int)]


def _indices_of(pixels: np.ndarray) -> np.ndarray:
    return vegetation_indices(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None])[0].numpy()


def with_bands(
    views: Tensor,
    cache: PhotoCache,
    photos: np.ndarray,
    samples: np.ndarray,
    strengths: AugmentConfig,
    seed: int,
    stream: SpectralStream,
) -> Tensor:
    """Concatenates augmented bands to the views, so that mixing treats both alike.

    Args:
        views: (B, 3, h, w), of `augment` with the same arguments.
    Returns:
        (B, 3 + C + 1, h, w): the last plane is 1 where a sample has bands, and less where it is mixed with one that
        has none.
    """
    sides = tuple(views.shape[-2:])
    bands = augment_bands(cache, photos, samples, sides, strengths, seed, views.device, stream.mean)
    present = to_device(torch.from_numpy(cache.bands.present[photos]).to(views.dtype), views.device)
    return torch.cat([views, bands, present[:, None, None, None].expand(-1, 1, *sides)], 1)


def model_batch(
    views: Tensor,
    samples: np.ndarray,
    preprocessing: Preprocessing,
    stream: SpectralStream | None,
    spectral: SpectralConfig | None,
    seed: int,
) -> tuple[Tensor, ...]:
    """Normalizes views into model inputs: images, spectral images, and which of these are present.

    Modality dropout: a sample loses its spectral image with probability `spectral.dropout`, depending on seed and
    sample number, so that the model works with and without. Vegetation indices are computed from the augmented view.

    Args:
        views: (B, 3, h, w) in [0, 255], or those of `with_bands`.
        samples: global sample numbers, (B,).
    """
    images = preprocessing.normalize(views[:, :3])
    if stream is None:
        return (images,)
    kept = to_device(uniform(seed, samples, 1, MODALITY)[:, 0] >= spectral.dropout, views.device)
    if stream.kind == "indices":
        return images, stream.normalize(vegetation_indices(views)), kept
    whole = views[:, -1].amin((1, 2)) > 1 - 1e-3  # a blend of two ones may differ from 1 by rounding
    return images, stream.normalize(views[:, 3:-1]), kept & whole
