"""The photo whose regions a click leaves out."""

import base64
import io

import numpy as np
from PIL import Image

from app.figures.regions import MOST_PX, regions_figure


def masks() -> list[tuple[int, np.ndarray]]:
    large, small = np.zeros((2, 40, 80), bool)
    large[10:30, 10:30] = True
    small[5, 70] = True
    return [(1, large), (2, small)]


def test_every_target_lies_in_its_region_and_carries_its_number():
    figure = regions_figure(np.zeros((200, 400, 3), np.uint8), masks(), ())
    for trace, (number, mask) in zip(figure.data, masks()):
        assert set(trace.customdata) == {number}
        rows, columns = (np.array(trace.y) * 40).astype(int), (np.array(trace.x) * 80).astype(int)
        assert mask[rows, columns].all()
    assert len(figure.data[1].x) == 1


def test_a_region_left_out_is_struck_through():
    figure = regions_figure(np.zeros((200, 400, 3), np.uint8), masks(), (2,))
    assert [note.text for note in figure.layout.annotations] == ["1", "<s>2</s>"]
    assert figure.data[1].name.startswith("Region 2, left out")


def test_the_photo_keeps_its_shape_and_is_sent_small():
    figure = regions_figure(np.zeros((1000, 2000, 3), np.uint8), masks(), ())
    encoded = figure.layout.images[0].source.split(",")[1]
    assert Image.open(io.BytesIO(base64.b64decode(encoded))).size == (MOST_PX, MOST_PX // 2)
    assert figure.layout.yaxis.scaleratio == 0.5
