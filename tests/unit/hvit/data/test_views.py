import torch

from hvit.data.views import MIRROR, PLAIN, TTA, VIEWS, view_of

PICTURE = torch.tensor([[1.0, 2], [3, 4]])[None, None]


def test_views_by_hand():
    expected = {
        (0, False): [[1, 2], [3, 4]], (1, False): [[2, 4], [1, 3]], (2, False): [[4, 3], [2, 1]],
        (0, True): [[2, 1], [4, 3]], (1, True): [[1, 3], [2, 4]],
    }  # fmt: skip
    for view, rows in expected.items():
        assert view_of((PICTURE,), view)[0][0, 0].tolist() == rows


def test_the_eight_views_differ_and_the_photo_comes_first():
    seen = {str(view_of((PICTURE,), view)[0].tolist()) for view in VIEWS}
    assert len(seen) == 8 and VIEWS[0] == PLAIN
    assert all(views[0] == PLAIN for views in TTA.values()) and TTA["mirror"] == (PLAIN, MIRROR)


def test_what_is_no_picture_stays():
    present = torch.tensor([True])
    assert view_of((PICTURE, present), (1, True))[1] is present
