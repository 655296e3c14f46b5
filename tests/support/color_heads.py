"""A severity head that goes by color: green is leaf, brown is symptom, grey is background."""

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image


def add_color_head(run: Path) -> None:
    """Writes the head into a run; areas of tomato and potato are calibrated to within a few points."""
    import torch

    from hvit.models.segmentation import SegmentationHead
    from hvit.runs.checkpoint import load_checkpoint
    from hvit.runs.saving import save_severity
    from hvit.severity.estimator import SeverityEstimator
    from hvit.severity.intervals import AreaIntervals
    from hvit.severity.storage import severity_record, write_head

    parent = load_checkpoint(run)
    head = SegmentationHead(parent.model.stage_dims(), 8, 8)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.zero_()
        red_to_green = torch.tensor([-1.0, 1.0, 0.0])
        head.detail1.weight[0, :, 1, 1], head.detail1.weight[1, :, 1, 1] = red_to_green, -red_to_green
        head.merge1.weight[0, 4, 1, 1] = head.merge1.weight[1, 5, 1, 1] = 1
        head.classify.weight[1, 0] = head.classify.weight[2, 1] = 40
        head.classify.bias[0] = 9
    sha256 = write_head(run, head)
    groups = dict.fromkeys(("Tomato", "Potato"), AreaIntervals((), (0.05,), (100,)))
    estimator = SeverityEstimator(head, 0.5, groups, dict.fromkeys(groups, 0.005), sha256)
    save_severity(run, severity_record(estimator, {"dim": 8, "detail_dim": 8}, parent.sha256))


def spotted_leaf(spots: int = 2) -> bytes:
    """A green leaf with brown spots on grey, as PNG."""
    mask = np.zeros((256, 256), np.uint8)
    cv2.ellipse(mask, (128, 128), (100, 60), 0, 0, 360, 1, -1)
    for spot in range(spots):
        cv2.circle(mask, (80 + 60 * spot, 120), 16, 2, -1)
    colors = np.array([[190, 190, 190], [50, 150, 40], [120, 70, 30]], np.uint8)
    out = io.BytesIO()
    Image.fromarray(colors[mask]).save(out, "PNG")
    return out.getvalue()
