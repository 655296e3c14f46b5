"""The numbers of docs/explanations.md, measured."""

from pathlib import Path

import pytest
import torch

from hvit.explain import METHODS
from hvit.explain.color_scale import FEATURE_CONTRIBUTION, PIXEL_CONTRIBUTION, RELATIVE_SHARE, SCORE_DROP
from hvit.models import create_model

DOCUMENT = Path(__file__).parents[4] / "docs" / "explanations.md"


def table(first_cell: str) -> list[list[str]]:
    """Rows of the table of the document whose header starts with a cell."""
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    rows = lines[next(i for i, line in enumerate(lines) if line.startswith(f"| {first_cell} |")) + 2 :]
    end = next(i for i, line in enumerate(rows) if not line.startswith("|"))
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[:end]]


def field(tokens, images) -> int:
    """Side in px of the square that can change the token in the middle of a grid."""
    middle = tokens.shape[1] // 2
    weights = torch.randn(tokens.shape[-1], generator=torch.Generator().manual_seed(0))
    (gradient,) = torch.autograd.grad((tokens[0, middle, middle] * weights).sum(), images, retain_graph=True)
    touched = gradient[0].abs().sum(0) > 0
    sides = [int(line.nonzero().max() - line.nonzero().min()) + 1 for line in (touched.any(0), touched.any(1))]
    assert sides[0] == sides[1]
    return sides[0]


@pytest.fixture(scope="module")
def measured():
    torch.manual_seed(0)
    model = create_model("hvit_tiny").eval().requires_grad_(False)
    images = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1)).requires_grad_()
    tokens, rows = model.backbone.patch_embed(images), []
    assert field(tokens, images) == 7
    for number, (stage, embedding) in enumerate(
        zip(model.backbone.stages, model.backbone.position_embeddings(224, 224)), 1
    ):
        entered = field(stage.enter(tokens, embedding), images)
        tokens = stage(tokens, embedding)
        _, height, width, channels = tokens.shape
        row = [
            number,
            224 // height,
            f"{height} x {width}",
            channels,
            len(stage.blocks),
            stage.blocks[0].attn.num_heads,
        ]
        attending = stage.window_tokens**2 or height * width
        rows.append([str(cell) for cell in [*row, attending, entered, field(tokens, images)]])
    return rows


def test_shapes_and_receptive_fields_of_each_stage(measured):
    assert table("stage") == measured


def test_the_methods_and_their_scales():
    scales = {
        "rollout": RELATIVE_SHARE, "gradient_rollout": RELATIVE_SHARE,
        "integrated_gradients": PIXEL_CONTRIBUTION, "occlusion": SCORE_DROP,
        "gradcam": FEATURE_CONTRIBUTION,
    }  # fmt: skip
    expected = []
    for name, method in METHODS.items():
        low, high = scales[name].labels[0], scales[name].labels[-1]
        average = " the average" if scales[name] is RELATIVE_SHARE else ""
        depends, models = "yes" if method.depends_on_class else "no", "yes" if method.any_model else "HViT"
        expected.append([f"`{name}`", depends, f"{low} to {high}{average}", models])
    assert [[row[0], row[1], row[3], row[4]] for row in table("method")] == expected
