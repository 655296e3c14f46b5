"""Logits and features of photos by ONNX Runtime, which takes half of the time of PyTorch on the CPU, or a third."""

from collections.abc import Sequence

import numpy as np

from hvit.onnx_session import OnnxSession
from hvit.runs.checkpoint import Checkpoint
from hvit.scoring.model_outputs import ModelOutputs


class OnnxPredict:
    """Logits and features of decoded photos in batches of one size; equal to those of PyTorch to about 1e-5.

    Args:
        checkpoint: of a run on the CPU whose model takes pictures alone.
        batch_size: of every batch; one that is not full is filled up, since each size needs a graph of its own.
        num_threads: that compute; 0 is one a core.
    """

    def __init__(self, checkpoint: Checkpoint, batch_size: int = 5, num_threads: int = 0):
        self._preprocessing, self._batch_size = checkpoint.preprocessing, batch_size
        self._session = OnnxSession(checkpoint, num_threads, stages=True)

    def __call__(self, photos: Sequence[np.ndarray]) -> ModelOutputs:
        """Photos (H, W, 3) uint8 of any sides; those of equal sides share batches, and sha256 is left empty.

        Raises:
            ExportError: the graph of a shape answers otherwise than the model.
        """
        pictures = [self._preprocessing.resize(photo).transpose(2, 0, 1) for photo in photos]
        by_sides: dict[tuple[int, ...], list[int]] = {}
        for row, picture in enumerate(pictures):
            by_sides.setdefault(picture.shape, []).append(row)
        outputs: dict[int, list[np.ndarray]] = {}
        for rows in by_sides.values():
            for start in range(0, len(rows), self._batch_size):
                part = rows[start : start + self._batch_size]
                filled = part + part[-1:] * (self._batch_size - len(part))
                found = self._session(np.stack([pictures[row] for row in filled]))
                outputs |= {row: [values[place] for values in found] for place, row in enumerate(part)}
        logits, *stages = (np.stack(values) for values in zip(*(outputs[row] for row in range(len(photos)))))
        return ModelOutputs(logits, stages, [])
