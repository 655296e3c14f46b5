"""ONNX Runtime inference of a run's model on the CPU: the only file that creates inference sessions.

For convolutions it takes a half to a third of the time of PyTorch in eager mode. A graph is exported for each shape of
batch that is met, so use few of them, and fill up a last batch that is smaller.
"""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hvit.export import LARGEST_DIFFERENCE, ExportError, onnx_program
from hvit.models import Classifier
from hvit.runs.checkpoint import Checkpoint


class OnnxSession:
    """Logits and pooled features of a run's model, by ONNX Runtime.

    Args:
        checkpoint: of a model without spectral stream.
        num_threads: that compute; 0 is one a core.
        exported: called with (height, width) whenever a graph has been made, which takes seconds.
        stages: the mean token of each stage in place of the pooled features.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        num_threads: int = 0,
        exported: Callable[[int, int], None] = lambda h, w: None,
        stages: bool = False,
    ):
        if checkpoint.spectral is not None:
            raise ExportError(f"run {checkpoint.name} takes a spectral image in addition to the photo; choose another")
        self._module = (_PixelsToStages if stages else _PixelsToLogits)(checkpoint).eval()
        features = [f"stage{number}" for number, _ in enumerate(checkpoint.model.stage_dims(), 1)]
        self._names = ["logits", *(features if stages else ["embedding"])]
        self._name, self._num_threads, self._exported = checkpoint.name, num_threads, exported
        self._sessions: dict[tuple[Any, ...], Any] = {}

    def __call__(self, pixels: np.ndarray) -> tuple[np.ndarray, ...]:
        """RGB (B, 3, H, W) in [0, 255], uint8 or float32, to logits (B, K) and features (B, C), all float32.

        Features are the pooled ones, or one array a stage.

        Raises:
            ExportError: outputs of the graph of this shape differ from the model's; checked once for each graph.
        """
        key = (pixels.dtype, pixels.shape)
        if key not in self._sessions:
            self._sessions[key] = self._new_session(pixels)
            self._exported(*pixels.shape[2:])
        return tuple(self._sessions[key].run(None, {"pixels": pixels}))

    def _new_session(self, pixels: np.ndarray) -> Any:
        import onnxruntime

        inputs = (torch.from_numpy(pixels),)
        program = onnx_program(self._module, inputs, ["pixels"], self._names, None)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = self._num_threads, 3
        data = program.model_proto.SerializeToString()
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        with torch.inference_mode():
            expected = self._module(*inputs)
        outputs = session.run(None, {"pixels": pixels})
        difference = max(float(np.abs(ours - theirs.numpy()).max()) for ours, theirs in zip(outputs, expected))
        if not difference <= LARGEST_DIFFERENCE:
            raise ExportError(
                f"ONNX Runtime and PyTorch disagree on run {self._name}: outputs differ by {difference:.1e}"
            )
        return session


class _PixelsToLogits(nn.Module):
    def __init__(self, checkpoint: Checkpoint):
        super().__init__()
        self.model: Classifier = copy.deepcopy(checkpoint.model).cpu()
        self.preprocessing = checkpoint.preprocessing

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        return self.model.forward_embedding(self.preprocessing.normalize(pixels))


class _PixelsToStages(_PixelsToLogits):
    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        logits, stages = self.model.forward_stages(self.preprocessing.normalize(pixels))
        return (logits, *stages)
