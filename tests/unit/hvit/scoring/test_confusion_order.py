"""Orders of a confusion matrix, and its most frequent cells."""

import numpy as np

from hvit.scoring.confusion_order import Confusion, most_frequent, order_by_crop, order_by_similarity, row_rates


def test_the_most_frequent_confusions_by_count_then_share():
    confusion = np.array([[90, 5, 5], [3, 7, 0], [5, 0, 15]])
    assert most_frequent(confusion, 3) == [
        Confusion(2, 0, 5, 20),
        Confusion(0, 1, 5, 100),
        Confusion(0, 2, 5, 100),
    ]
    assert most_frequent(np.diag([3, 4]), 5) == []


def test_classes_are_ordered_by_crop_healthy_first():
    classes = ["Tomato___Late_blight", "Potato___Late_blight", "Tomato___Bacterial_spot", "Potato___healthy"]
    assert order_by_crop(classes) == [3, 1, 2, 0]


def test_classes_taken_for_each_other_become_neighbors():
    confusion = np.diag([10, 10, 10, 10])
    confusion[0, 2] = confusion[2, 0] = confusion[1, 3] = confusion[3, 1] = 8
    order = order_by_similarity(confusion)
    assert abs(order.index(0) - order.index(2)) == 1 == abs(order.index(1) - order.index(3))
    assert order_by_similarity(np.diag([1, 0])) == [0, 1]


def test_rates_are_shares_of_the_true_class():
    assert row_rates(np.array([[3, 1], [0, 0]])).tolist() == [[0.75, 0.25], [0, 0]]
