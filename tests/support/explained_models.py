"""Small models with random weights, to be explained, and the matrices of their layers."""

import torch
from torch import nn

from hvit.explain import METHODS
from hvit.models import HViT, ModelConfig

SIZES = {  # the second has 3x3 and 5x5 taps, which at stride 2 read one position more after than before
    "plain": ModelConfig((8, 16, 16, 32), (1, 2, 2, 1), head_dim=8, num_classes=5, img_size=64),
    "conv": ModelConfig(
        (24, 40, 16, 32), (1, 1, 2, 1), head_dim=8, num_classes=5, img_size=64, front="efficientnet_lite0"
    ),
}


def drawn_model(config):
    torch.manual_seed(0)
    model = HViT(config).eval().requires_grad_(False)
    with torch.no_grad():  # far from even attention and from no position, so that a wrong order of the factors shows
        for name, parameter in model.named_parameters():
            if "qkv.weight" in name:
                parameter.mul_(40)
            if "position.conv.weight" in name:
                parameter.mul_(20)
            if name.endswith(("depthwise.bias", "expand.bias")):  # some channels then pass the activation, some do not
                parameter.normal_()
    return model


def window_numbers(side, height, width):
    """Token numbers of each window, row by row within it."""
    numbers = torch.arange(height * width).reshape(height, width)
    if side == 0:
        return [numbers.flatten()]
    return [
        numbers[top : top + side, left : left + side].flatten()
        for top in range(0, height, side)
        for left in range(0, width, side)
    ]


def attention_matrix(attention, stage, image):
    """(N, N) float64 from the attention of one block, or of one head of it, as (windows of all images, T, T)."""
    height, width = stage.tokens.shape[1:3]
    windows = window_numbers(stage.window_tokens, height, width)
    matrix = torch.zeros(height * width, height * width, dtype=torch.float64)
    for number, tokens in enumerate(windows):
        matrix[tokens[:, None], tokens[None, :]] = attention[image * len(windows) + number].double()
    return matrix


def convolution_matrix(field, image):
    """(outputs, inputs) float64 of a receptive field, tap by tap."""
    height, width, taps = field.weights.shape[1:]
    side, below, beside = round(taps**0.5), field.stride * height, field.stride * width
    matrix = torch.zeros(height * width, below * beside, dtype=torch.float64)
    for row in range(height):
        for column in range(width):
            for tap in range(taps):
                y = field.stride * row + tap // side - field.pad_before
                x = field.stride * column + tap % side - field.pad_before
                if 0 <= y < below and 0 <= x < beside:
                    matrix[row * width + column, y * beside + x] += field.weights[image, row, column, tap].double()
    return matrix


HEIGHT, WIDTH = 64, 96


def drawn_classifier(size="plain"):
    model = drawn_model(SIZES[size])
    with torch.no_grad():
        model.head.weight.mul_(50)
        model.head.bias.copy_(torch.arange(5.0))
    return model


def drawn_photos():
    """Two batches of one image."""
    return torch.randn(2, 1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(1))


class Scored(nn.Module):
    """A model of two classes: the second has the score that a function gives to images (B, 3, H, W)."""

    num_classes, attention_stages = 2, ()

    def __init__(self, score):
        super().__init__()
        self.score = score

    def forward(self, images):
        score = self.score(images)
        return torch.stack([torch.zeros_like(score), score], 1)


CLASS_METHODS = [name for name, method in METHODS.items() if method.depends_on_class]


FEW = {"integrated_gradients": {"steps": 4}}


def explained(model, name, image, class_index):
    return METHODS[name](model, image, class_index, **FEW.get(name, {}))
