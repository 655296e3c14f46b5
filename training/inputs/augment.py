"""Batched augmentation in torch operations: all random numbers are pure functions of (seed, global sample number).

Nothing here adds or removes symptoms: no hue shift beyond that of cameras, no erasing, no thresholds. The shape of a
batch is independent of its photos, which are cropped or padded into it, so that neither aspect ratio nor padding is a
cue to the class.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.profiler import record_function

from hvit.data.caching.photo_cache import PhotoCache
from hvit.data.preprocess import shrunk_sizes
from hvit.data.transfer import to_device
from training.config import ViewConfig
from training.inputs.profiler_regions import AUGMENTATION, PHOTOS
from training.inputs.random_streams import uniform

BLOCK = 8  # mix partners come from fixed blocks of this many consecutive global samples
GEOMETRY, COLOR, NOISE, MIX, SHAPE = range(5)  # random streams
ASPECTS = (4 / 3, 3 / 4, 3 / 2, 2 / 3, 2.0, 0.5)  # of batches that are not square


def batch_sides(seed: int, step: int, img_size: int, square: float) -> tuple[int, int]:
    """Height and width in pixels of a batch: square with probability `square`, else of another aspect ratio."""
    return sides_of(img_size, aspects(seed, np.array([step]), square, SHAPE)[0])


def aspects(seed: int, numbers: np.ndarray, square: float, stream: int) -> np.ndarray:
    """Aspect ratio of each batch, (N,): 1 with probability `square`, else uniformly one of the others."""
    draws = uniform(seed, numbers, 2, stream)
    others = np.array(ASPECTS)
    return np.where(draws[:, 0] < square, 1.0, others[(draws[:, 1] * len(others)).astype(int)])


def sides_of(img_size: int, aspect: float) -> tuple[int, int]:
    """Height and width in pixels, multiples of 32, of an image with about `img_size` squared pixels."""
    if aspect == 1:
        return img_size, img_size
    height, width = (max(64, round(img_size * s / 32) * 32) for s in (aspect**-0.5, aspect**0.5))
    return height, width


@record_function(AUGMENTATION)
def augment(
    cache: PhotoCache,
    photos: np.ndarray,
    samples: np.ndarray,
    sides: tuple[int, int],
    config: ViewConfig,
    seed: int,
    device: torch.device,
) -> Tensor:
    """Augments each photo into one view.

    Args:
        cache: where the photos are.
        photos: their numbers in the cache, (B,).
        samples: their global sample numbers, (B,).
        sides: height and width of a view.
        config: strengths.
        seed: of the run.
        device: where to compute.
    Returns:
        (B, 3, h, w) float32 in [0, 255].
    """
    u, theta, shrink = _geometry(cache, photos, samples, sides, config, seed)
    with record_function(PHOTOS):
        canvas, sizes = cache.canvas_on(photos, shrink, device)
    views = _resample(canvas, sizes, theta, sides, _fill_colors(canvas, sizes, u[:, 11:16]))
    views = _color(views, uniform(seed, samples, 9, COLOR), config)
    return _blur_and_noise(views, uniform(seed, samples, 4, NOISE), config).clamp_(0, 255)


@record_function(AUGMENTATION)
def augment_bands(
    cache: PhotoCache,
    photos: np.ndarray,
    samples: np.ndarray,
    sides: tuple[int, int],
    config: ViewConfig,
    seed: int,
    device: torch.device,
    outside: tuple[float, ...],
) -> Tensor:
    """Augments spectral bands with the geometry of `augment`, without its colors, blur or noise.

    Args:
        outside: reflectance beyond the photo, one a band.
    Returns:
        (B, C, h, w) float32; values of photos without bands are meaningless.
    """
    _, theta, shrink = _geometry(cache, photos, samples, sides, config, seed)
    canvas = to_device(cache.bands.canvas(photos, shrink), device)
    sizes = shrunk_sizes(cache.sizes[photos], shrink)
    return _resample(canvas, sizes, theta, sides, to_device(torch.tensor(outside), device)[None, :, None, None])


@record_function(AUGMENTATION)
def augment_masks(
    masks: PhotoCache,
    photos: np.ndarray,
    samples: np.ndarray,
    sides: tuple[int, int],
    config: ViewConfig,
    seed: int,
    device: torch.device,
) -> Tensor:
    """Augments masks with the geometry of `augment`.

    Args:
        masks: of the same photos in the same order, read as images (`hvit.data.datasets.masks.MaskSample`).
    Returns:
        Share of background, leaf and symptom in each pixel, (B, 3, h, w) float32; padding is background.
    """
    _, theta, shrink = _geometry(masks, photos, samples, sides, config, seed)
    canvas, sizes = masks.canvas_on(photos, shrink, device)
    background = to_device(torch.tensor([255.0, 0.0, 0.0]), device)[None, :, None, None]
    return _resample(canvas, sizes, theta, sides, background).div_(255).clamp_(0, 1)


def _geometry(cache: PhotoCache, photos: np.ndarray, samples: np.ndarray, sides: tuple[int, int], config, seed: int):
    """Random numbers (B, 16), affine map (B, 2, 3) and integer downscaling factor (B,) of each sample."""
    u = uniform(seed, samples, 16, GEOMETRY)
    theta, scale = _view_maps(cache.sizes[photos], u, sides, config)
    # Pixels far below the view's are averaged first, against aliasing.
    return u, theta, np.maximum(1, (scale / 1.2).astype(int))


def _view_maps(sizes: np.ndarray, u: np.ndarray, sides: tuple[int, int], config: ViewConfig):
    """Composes crop or padding, flip, rotation and scaling into one affine map a photo.

    Returns:
        Affine maps from a view's [-1, 1] to fractions of the photo's width and height, (B, 2, 3), and the side of a
        view's pixel in photo pixels, (B,).
    """
    h, w = sides
    photo_h, photo_w = sizes[:, 0].astype(float), sizes[:, 1].astype(float)
    quarter = np.floor(u[:, 0] * 4) * config.quarter_turns
    aspect = np.where(quarter % 2 == 0, w / h, h / w) * np.exp((2 * u[:, 1] - 1) * math.log(1 + config.stretch))

    # A box of the view's aspect in photo pixels: part of the photo, or all of it, perhaps with a margin.
    area = photo_h * photo_w * np.exp(u[:, 2] * math.log(config.min_area))
    crop_w, crop_h = np.sqrt(area * aspect), np.sqrt(area / aspect)
    margin = 1 + (config.max_margin * u[:, 3]) * (u[:, 4] < 0.5)
    whole_w = np.maximum(photo_w, photo_h * aspect) * margin
    whole = u[:, 5] < config.whole
    box_w, box_h = np.where(whole, whole_w, crop_w), np.where(whole, whole_w / aspect, crop_h)
    center_x = photo_w / 2 + (2 * u[:, 6] - 1) * np.abs(photo_w - box_w) / 2
    center_y = photo_h / 2 + (2 * u[:, 7] - 1) * np.abs(photo_h - box_h) / 2

    small_turn = np.where(u[:, 8] < config.turn_probability, 2 * u[:, 9] - 1, 0) * math.radians(config.turn_degrees)
    turn = quarter * (math.pi / 2) + small_turn
    cos, sin = np.cos(turn), np.sin(turn)
    # The box is given in the photo's frame; an odd quarter turn lays the view's width along the photo's height.
    half_u = np.where(quarter % 2 == 0, box_w, box_h) / 2 * np.where(u[:, 10] < 0.5, -1.0, 1.0)
    half_v = np.where(quarter % 2 == 0, box_h, box_w) / 2
    rows = [
        np.stack([cos * half_u, -sin * half_v, center_x], -1) / photo_w[:, None],
        np.stack([sin * half_u, cos * half_v, center_y], -1) / photo_h[:, None],
    ]
    return np.stack(rows, 1), np.sqrt(box_w * box_h / (h * w))


def _resample(canvas: Tensor, sizes: np.ndarray, theta: np.ndarray, sides, outside: Tensor) -> Tensor:
    """Samples views from photos in the top left of `canvas` (B, C, Hc, Wc), padded with `outside` (1 or B, C, 1, 1)."""
    canvas_sides = canvas.shape[2:]
    # grid_sample pads with 0, so the padding color is subtracted before and added after.
    photos = canvas - outside
    if (sizes != np.array(canvas_sides)).any():
        heights, widths = to_device(sizes, canvas.device)[:, :, None, None, None].unbind(1)
        rows, columns = (torch.arange(side, device=canvas.device) for side in canvas_sides)
        photos.masked_fill_((rows[:, None] >= heights) | (columns >= widths), 0)
    theta = theta * (2 * sizes[:, ::-1] / np.array(canvas_sides[::-1]))[:, :, None]
    theta[:, :, 2] -= 1  # the [-1, 1] of grid_sample
    across, down, start = to_device(torch.from_numpy(theta).float(), canvas.device)[:, None, None].unbind(-1)
    y, x = ((2 * torch.arange(side, device=canvas.device) + 1) / side - 1 for side in sides)
    grid = (x[:, None] * across + start) + y[:, None, None] * down  # (B, h, w, 2)
    return F.grid_sample(photos, grid, padding_mode="zeros", align_corners=False).add_(outside)


def _fill_colors(canvas: Tensor, sizes: np.ndarray, u: np.ndarray) -> Tensor:
    """Padding color of each photo, (B, 3, 1, 1) float32: white, black, a grey, a color, or the photo's mean."""
    kind, color = np.floor(u[:, :1] * 5), u[:, 1:4] * 255
    fill = np.select([kind == 0, kind == 1, kind == 2], [255.0, 0.0, color[:, :1]], color)
    fill = to_device(torch.from_numpy(fill).float(), canvas.device)
    own = np.flatnonzero(kind == 4)
    rows = to_device(own, canvas.device)
    sums = canvas[rows].sum((2, 3), dtype=torch.float32)
    fill[rows] = sums / to_device(sizes[own].prod(1, keepdims=True), canvas.device)
    return fill[:, :, None, None]


_TO_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
_FROM_YIQ = torch.linalg.inv(_TO_YIQ)  # once: an accelerator is waited for where it inverts a matrix


_BLUR = torch.tensor([[0.0625, 0.125, 0.0625], [0.125, 0.25, 0.125], [0.0625, 0.125, 0.0625]])
# SplitMix64's increment and its two multipliers, as int64.
_SPLITMIX = tuple(n - (1 << 64) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def _color(views: Tensor, u: np.ndarray, config: ViewConfig) -> Tensor:
    """Color jitter as a 3x4 matrix a photo: brightness, contrast, saturation or grayscale, hue, white balance."""
    u = to_device(torch.from_numpy(u).float(), views.device)
    change = (u[:, :1] < config.color_probability).float()
    signed = (2 * u - 1) * change
    brightness, contrast, saturation = (1 + config.color * signed[:, i] for i in (1, 2, 3))
    saturation = torch.where(u[:, 8] < config.grey_probability, 0.0, saturation)
    angle = signed[:, 4] * (config.hue * 2 * math.pi)
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    cos, sin = saturation * torch.cos(angle), saturation * torch.sin(angle)
    turn = torch.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], -1).reshape(-1, 3, 3)
    from_yiq, to_yiq = (to_device(constant, views.device) for constant in (_FROM_YIQ, _TO_YIQ))
    matrix = from_yiq @ turn @ to_yiq
    gains = 1 + config.white_balance * signed[:, 5:8]
    matrix = matrix * (gains * (brightness * contrast)[:, None])[:, :, None]
    mean = views.mean((1, 2, 3)) * brightness
    offset = (mean * (1 - contrast))[:, None, None]
    return torch.baddbmm(offset, matrix, views.flatten(2)).view_as(views)


def _blur_and_noise(views: Tensor, u: np.ndarray, config: ViewConfig) -> Tensor:
    blurred = np.flatnonzero(u[:, 0] < config.blur_probability)
    if blurred.size:
        rows, kernel = to_device(blurred, views.device), to_device(_BLUR, views.device).expand(3, 1, 3, 3)
        views[rows] = F.conv2d(F.pad(views[rows], (1, 1, 1, 1), mode="replicate"), kernel, groups=3)
    noisy = np.flatnonzero(u[:, 1] < config.noise_probability)
    # Seeded by the sample's own random number: noise does not depend on other samples.
    seeds, strengths = (u[noisy, 3] * 2**53).astype(np.int64), config.noise * 255 * u[noisy, 2]
    if views.device.type != "cpu" and noisy.size:
        noise = normal_noise(to_device(seeds, views.device), views.shape[1:])
        noise *= to_device(torch.from_numpy(strengths).float(), views.device)[:, None, None, None]
        return views.index_add_(0, to_device(noisy, views.device), noise)
    for i, seed, strength in zip(noisy, seeds, strengths):
        generator = torch.Generator(views.device).manual_seed(int(seed))
        views[i] += torch.randn(views.shape[1:], generator=generator, device=views.device) * strength
    return views


def normal_noise(seeds: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Standard normal numbers of each sample from a counter-based generator, in one launch for the whole batch.

    SplitMix64 of a counter (Steele et al. 2014), two uniform numbers of 24 bits, Box & Muller 1958.

    Args:
        seeds: of each sample, (B,) int64.
        shape: of the numbers of one sample.
    Returns:
        (B, *shape) float32, on the device of `seeds`.
    """
    counters = torch.arange(1, math.prod(shape) + 1, device=seeds.device) * _SPLITMIX[0]
    bits = seeds[:, None] * _SPLITMIX[1] + counters  # int64 wraps around
    bits = (bits ^ (bits >> 30 & (1 << 34) - 1)) * _SPLITMIX[1]  # the mask makes the shift one of unsigned numbers
    bits = (bits ^ (bits >> 27 & (1 << 37) - 1)) * _SPLITMIX[2]
    radius = ((bits >> 40 & 0xFFFFFF) + 1).float().mul_(2.0**-24).log_().mul_(-2).sqrt_()
    angle = (bits >> 16 & 0xFFFFFF).float().mul_(2 * math.pi * 2.0**-24)
    return radius.mul_(angle.cos_()).reshape(-1, *shape)
