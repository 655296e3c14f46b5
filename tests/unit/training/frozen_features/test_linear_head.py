"""Logistic regression as a linear layer."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hvit.models import create_model
from training.frozen_features.linear_head import C, LinearHead


def _clouds(num_classes: int, dim: int = 12):
    """Overlapping clouds far from the origin, one dimension constant."""
    rng = np.random.default_rng(num_classes)
    labels = np.arange(40 * num_classes) % num_classes
    points = rng.normal(size=(num_classes, dim))[labels] + rng.normal(size=(len(labels), dim))
    points = (points * rng.uniform(0.01, 3, dim) + 5).astype(np.float32)
    points[:, 3] = 7
    return points, labels


def test_the_standardization_is_folded_in_exactly():
    points, labels = _clouds(4)
    oracle = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=2000)).fit(points.astype(float), labels)
    head = LinearHead.fit(points, labels, 4)
    np.testing.assert_allclose(head.logits(points), oracle.decision_function(points.astype(float)), atol=1e-9)


def test_two_classes_get_the_probabilities_of_the_binary_regression():
    points, labels = _clouds(2)
    oracle = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=2000)).fit(points.astype(float), labels)
    probs = torch.from_numpy(LinearHead.fit(points, labels, 2).logits(points)).softmax(1).numpy()
    np.testing.assert_allclose(probs, oracle.predict_proba(points.astype(float)), atol=1e-9)


def test_a_model_with_the_head_has_the_probabilities_of_the_regression():
    model = create_model("hvit_tiny", num_classes=5, img_size=64).eval()
    points, labels = _clouds(3, model.num_features)
    head = LinearHead.fit(points, labels, 3)
    head.put_into(model)
    features = torch.from_numpy(points)[:, None, None]  # one token, so that its mean is the point itself
    assert model.num_classes == 3
    np.testing.assert_allclose(model.forward_head(features).detach().numpy(), head.logits(points), atol=1e-4)


def test_one_photo_a_class_is_fitted_without_a_warning(recwarn):
    points, labels = _clouds(3)
    head = LinearHead.fit(points[:3], labels[:3], 3)
    assert (head.logits(points[:3]).argmax(1) == labels[:3]).all()
    assert len(recwarn) == 0


def test_a_class_without_a_photo_is_refused():
    points, labels = _clouds(3)
    with pytest.raises(ValueError, match="4 classes cannot be fitted to photos of 3"):
        LinearHead.fit(points, labels, 4)
