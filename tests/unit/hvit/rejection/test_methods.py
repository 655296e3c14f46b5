"""Every detector against a reference implementation or numbers by hand."""

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.covariance import EmpiricalCovariance

from hvit.rejection import METHODS, OodDetector, RejectionFileError, RejectionMethod
from hvit.rejection.mahalanobis import RIDGE

DIMS = (4, 6, 8, 12)


@pytest.fixture(scope="module")
def photos():
    """300 photos of three classes whose logits are linear in the last stage, and 40 others."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    features = [rng.normal(size=(300, dim)) + 2 * rng.normal(size=(3, dim))[labels] for dim in DIMS]
    others = [rng.normal(size=(40, dim)) * 2 for dim in DIMS]
    weight, bias = rng.normal(size=(3, DIMS[-1])), rng.normal(size=3)
    return features, features[-1] @ weight.T + bias, labels, others, others[-1] @ weight.T + bias, weight, bias


def test_every_method_is_one(photos):
    features, logits, labels, *_ = photos
    for name, kind in METHODS.items():
        assert kind.name == name and isinstance(kind.fit(features, logits, labels), RejectionMethod)


@pytest.mark.parametrize("name", METHODS)
def test_a_saved_detector_gives_the_same_scores(name, photos, tmp_path):
    features, logits, labels, others, other_logits, *_ = photos
    fitted = METHODS[name].fit(features, logits, labels)
    fitted.save(tmp_path / "rejection.npz")
    loaded = METHODS[name].load(tmp_path / "rejection.npz")
    assert np.array_equal(loaded.score(others, other_logits), fitted.score(others, other_logits))


@pytest.mark.parametrize("name", [name for name in METHODS if name != "energy"])
def test_out_of_distribution_features_score_higher(name, photos):
    features, logits, labels, *_ = photos
    fitted = METHODS[name].fit(features, logits, labels)
    far = [stage[:50] + 30 * np.random.default_rng(1).normal(size=stage.shape[1]) for stage in features]
    assert fitted.score(far, logits[:50]).min() > fitted.score(features, logits).max()


def _ridged(deviations: np.ndarray) -> np.ndarray:
    covariance = EmpiricalCovariance(assume_centered=True).fit(deviations).covariance_
    return np.linalg.inv(covariance + RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance)))


@pytest.mark.parametrize("name, share", [
    ("mahalanobis", 0.0), ("half_relative_mahalanobis", 0.5), ("relative_mahalanobis", 1.0),
])  # fmt: skip
def test_mahalanobis_equals_the_definition_with_the_covariance_of_scikit_learn(name, share, photos):
    features, logits, labels, others, other_logits, *_ = photos
    last, asked = features[-1], others[-1]
    means = np.stack([last[labels == k].mean(0) for k in range(3)])
    within, around = _ridged(last - means[labels]), _ridged(last - last.mean(0))
    squares = [[(x - mean) @ within @ (x - mean) for mean in means] for x in asked]
    background = [(x - last.mean(0)) @ around @ (x - last.mean(0)) for x in asked]
    expected = np.min(squares, axis=1) - share * np.array(background)
    found = METHODS[name].fit(features, logits, labels).score(others, other_logits)
    assert found == pytest.approx(expected, rel=5e-3, abs=0.05)  # half precision


def test_mahalanobis_distance_by_hand():
    # Both classes have variance 1 in x and 4 in y; the means are (0, 0) and (10, 0).
    corners = np.array([[1.0, 2], [1, -2], [-1, 2], [-1, -2]])
    last = np.concatenate([corners, corners + [10, 0]])
    fitted = METHODS["mahalanobis"].fit([last], None, np.repeat([0, 1], 4))
    scores = fitted.score([np.array([[0.0, 0], [2, 0], [10, 4]])])
    assert scores == pytest.approx([0, 4, 4], rel=0.01, abs=0.01)  # the ridge takes less than 1 %


def test_vim_equals_the_authors_computation(photos):
    """https://github.com/haoqiwang/vim: pinv of the head, covariance around its origin, residual norm, energy."""
    features, logits, labels, others, other_logits, weight, bias = photos
    last, asked, dim = features[-1], others[-1], DIMS[-1] // 2
    origin = -np.linalg.pinv(weight) @ bias
    values, vectors = np.linalg.eig(EmpiricalCovariance(assume_centered=True).fit(last - origin).covariance_)
    residual = vectors[:, np.argsort(-values)[dim:]]
    alpha = logits.max(axis=-1).mean() / np.linalg.norm((last - origin) @ residual, axis=-1).mean()
    expected = alpha * np.linalg.norm((asked - origin) @ residual, axis=-1) - logsumexp(other_logits, axis=-1)
    found = METHODS["vim"].fit(features, logits, labels).score(others, other_logits)
    assert found == pytest.approx(expected, rel=2e-3, abs=0.01)  # half precision


def test_energy_is_the_negative_log_sum_exp():
    logits = np.array([[0.0, 0.0], [3.0, -1.0], [800.0, 0.0]])
    scores = METHODS["energy"].fit([], logits, None).score([], logits)
    assert scores == pytest.approx(-logsumexp(logits, axis=1))
    assert scores[0] == pytest.approx(-np.log(2)) and scores[2] == pytest.approx(-800)


def test_neighbor_distance_by_hand():
    # One reference and one query, at right angles in two of the four stages: cos = 1/2.
    stage = [np.array([[1.0, 0.0]])] * 4
    turned = [stage[0], stage[0], np.array([[0.0, 1.0]]), np.array([[0.0, 1.0]])]
    assert METHODS["knn"].fit(stage).score(turned)[0] == pytest.approx(1.0, abs=1e-3)
    assert METHODS["knn_last_stages"].fit(stage).score(turned)[0] == pytest.approx(np.sqrt(2), abs=1e-3)


def test_the_scale_of_features_does_not_matter_to_neighbors(photos):
    features, _, _, others, *_ = photos
    fitted = METHODS["knn"].fit(features)
    assert fitted.score(others) == pytest.approx(fitted.score([7 * stage for stage in others]), abs=1e-4)


def test_the_second_threshold_lies_below_the_first():
    detector = OodDetector(METHODS["energy"].fit(), threshold=2.0, unsure_threshold=1.0)
    scores = np.array([0.5, 1.0, 1.5, 2.0, 2.5])
    assert detector.accepts(scores).tolist() == [True, True, True, True, False]
    assert detector.may_name(scores).tolist() == [True, True, False, False, False]


def test_without_a_second_threshold_all_that_is_accepted_may_be_named():
    detector = OodDetector(METHODS["energy"].fit(), threshold=2.0)
    assert detector.may_name(np.array([2.0, 2.1])).tolist() == [True, False]


def test_the_file_of_another_method_is_refused(photos, tmp_path):
    features, logits, labels, *_ = photos
    METHODS["knn"].fit(features).save(tmp_path / "rejection.npz")
    with pytest.raises(RejectionFileError, match="has no array|expected"):
        METHODS["vim"].load(tmp_path / "rejection.npz")


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path):
    np.savez_compressed(tmp_path / "rejection.npz", reference=np.zeros((40_000, 1000), dtype=np.float16))
    with pytest.raises(RejectionFileError, match="unpacks to 76 MB"):
        METHODS["knn"].load(tmp_path / "rejection.npz")


@pytest.mark.parametrize("array", [np.full((3, 2), np.nan, dtype=np.float16), np.array([["a"]])])
def test_values_that_are_no_numbers_are_refused(array, tmp_path):
    np.savez_compressed(tmp_path / "rejection.npz", reference=array)
    with pytest.raises(RejectionFileError, match="no finite"):
        METHODS["knn"].load(tmp_path / "rejection.npz")


def test_what_is_no_archive_is_refused(tmp_path):
    (tmp_path / "rejection.npz").write_bytes(b"no archive")
    with pytest.raises(RejectionFileError, match="cannot be read"):
        METHODS["knn"].load(tmp_path / "rejection.npz")
