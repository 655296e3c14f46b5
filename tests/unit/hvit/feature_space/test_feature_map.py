"""Maps: made, stored without pickle, and open to new photos."""

import json

import numpy as np
import pytest

from hvit.feature_space import FeatureMap, MapError, fit_map, read_map

N, C = 70, 12


def embeddings(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Samples of three classes and their labels."""
    draw = np.random.default_rng(seed)
    labels = np.arange(N) % 3
    return (8 * np.eye(C)[labels] + 4 * np.eye(C)[5] + draw.normal(size=(N, C))).astype(np.float32), labels


def ids(count: int = N, first: int = 0) -> np.ndarray:
    return np.array([f"{i:016x}" for i in range(first, first + count)])


def made(seed: int = 0, like: FeatureMap | None = None, names: np.ndarray | None = None) -> FeatureMap:
    found, labels = embeddings(seed)
    names = ids() if names is None else names
    return fit_map(found, labels, np.full(N, "test"), np.arange(N), names, strangeness=np.arange(N) / N, like=like)


@pytest.fixture(scope="module")
def found() -> FeatureMap:
    return made()


def test_a_map_shows_how_far_to_trust_it(found):
    about = found.about
    assert about["accuracy_in_space"] == 1 and about["accuracy_on_map"] == 1
    assert 0.8 < about["trustworthiness"] <= 1 and about["trustworthiness_n"] == N
    assert about["dimensions"] == C and about["variance_kept"] == pytest.approx(1)
    assert about["neighbors_kept"] > 0.98  # all dimensions, in half precision
    assert about["perplexity"] == 23 and about["aligned_samples"] is None


def test_neighbors_are_those_by_angle_among_all_dimensions(found):
    vectors, _ = embeddings()
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = vectors @ vectors.T
    np.fill_diagonal(cosine, -2)
    assert np.array_equal(found.neighbors[:, 0], cosine.argmax(1))
    assert found.distances[:, 0] == pytest.approx(np.sqrt(2 - 2 * cosine.max(1)), abs=1e-3)


def test_a_new_photo_lies_at_the_median_of_its_fifteen_neighbors(found):
    new = embeddings(seed=9)[0][4]
    vectors, _ = embeddings()
    vectors, query = vectors / np.linalg.norm(vectors, axis=1, keepdims=True), new / np.linalg.norm(new)
    nearest = np.argsort(np.linalg.norm(vectors - query, axis=1))[:15]
    place = found.place(new)
    assert (place.x, place.y) == pytest.approx(tuple(np.median(found.coordinates[nearest], axis=0)), abs=0.2)
    assert len(set(place.neighbors) & set(nearest[:10])) >= 9  # half precision may swap the tenth
    assert place.distances == pytest.approx(np.sort(np.linalg.norm(vectors - query, axis=1))[:10], abs=2e-3)


def test_that_place_is_where_opentsne_begins(found):
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PerplexityBasedNN

    new = embeddings(seed=9)[0][4]
    features = found.features.astype(np.float64)
    affinities = PerplexityBasedNN(features, perplexity=5, method="exact")
    begun = TSNEEmbedding(found.coordinates, affinities).prepare_partial(
        found.project(new[None]).astype(np.float64), initialization="median", perplexity=5
    )
    place = found.place(new)
    assert np.asarray(begun)[0] == pytest.approx([place.x, place.y], abs=1e-5)


def test_a_refined_photo_stays_with_its_class(found):
    new, labels = embeddings(seed=9)[0][4], np.arange(N) % 3
    place = found.refine(new)
    near = np.linalg.norm(found.coordinates - [place.x, place.y], axis=1).argsort()[:5]
    assert (labels[near] == 1).all()


def test_a_saved_map_is_read_again_and_places_new_samples_alike(found, tmp_path):
    found.save(tmp_path / "tsne.npz")
    again = read_map(tmp_path / "tsne.npz")
    for name in ("splits", "rows", "sample_ids", "coordinates", "features", "neighbors"):
        assert np.array_equal(getattr(again, name), getattr(found, name)), name
    assert again.about == found.about and again.severity is None
    assert again.strangeness == pytest.approx(found.strangeness)
    new = embeddings(seed=9)[0][4]
    assert (again.place(new).x, again.place(new).y) == (found.place(new).x, found.place(new).y)


def test_no_pickle_is_read(tmp_path):
    np.savez(tmp_path / "tsne.npz", about=np.array([{"a": 1}], dtype=object))
    with pytest.raises(MapError, match="damaged or not a map"):
        read_map(tmp_path / "tsne.npz")


@pytest.mark.parametrize("cut", [0, 100, -200])
def test_a_damaged_file_is_reported(found, tmp_path, cut):
    path = tmp_path / "tsne.npz"
    found.save(path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(MapError, match="make it again with training.embed"):
        read_map(path)


def test_arrays_that_do_not_belong_together_are_refused(found, tmp_path):
    found.save(tmp_path / "tsne.npz")
    with np.load(tmp_path / "tsne.npz") as archive:
        arrays = dict(archive)
    np.savez(tmp_path / "tsne.npz", **arrays | {"coordinates": arrays["coordinates"][:-1]})
    with pytest.raises(MapError):
        read_map(tmp_path / "tsne.npz")


def test_embeddings_of_another_length_are_refused(found):
    with pytest.raises(MapError, match=f"embeddings with {C} numbers, not 5"):
        found.place(np.ones(5))


def test_a_map_is_aligned_with_another_by_their_common_samples(found):
    names = np.concatenate([ids(40), ids(30, first=1000)])  # 40 of 70 are shared
    alone, alike = made(seed=1, names=names), made(seed=1, like=found, names=names)
    assert alike.about["aligned_samples"] == 40

    def moved(other: FeatureMap) -> float:
        return float(np.linalg.norm(other.coordinates[:40] - found.coordinates[:40], axis=1).mean())

    assert moved(alike) < 0.5 * moved(alone)


def test_maps_with_few_common_samples_are_not_aligned(found):
    with pytest.raises(MapError, match="share 5 samples, and it takes 10"):
        made(like=found, names=np.concatenate([ids(5), ids(65, first=1000)]))


def test_too_few_samples_and_equal_ones_are_refused():
    empty = np.full(11, "test")
    with pytest.raises(MapError, match="11 samples are too few"):
        fit_map(np.eye(11), empty, empty, np.arange(11), empty)
    equal = np.full(20, "test")
    with pytest.raises(MapError, match="nothing to map"):
        fit_map(np.ones((20, 4)), equal, equal, np.arange(20), equal)


def test_the_description_of_a_map_is_json(found):
    assert json.loads(json.dumps(found.about, allow_nan=False)) == found.about
