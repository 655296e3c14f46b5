"""The spectral stream in training: the same views as the colors, seeded dropout, and a class that bands alone show."""

import json
import shutil

import numpy as np
import pytest
import torch

from hvit.__main__ import main as hvit
from hvit.data.caching.band_cache import BandCache
from hvit.data.caching.photo_cache import open_cache
from hvit.data.datasets.reading import read_samples
from hvit.data.preprocess import Preprocessing
from hvit.data.spectral import SpectralStream, vegetation_indices
from hvit.models import HViT, ModelConfig
from hvit.runs.checkpoint import load_checkpoint
from training import finetune
from training.config import AugmentConfig, ConfigError, FinetuneConfig, PretrainModel, load_config
from training.engine.initial_weights import joint_model, model_arguments, new_model, parent_of, take_backbone
from training.engine.losses import ClassificationLoss
from training.engine.optim import adamw
from training.engine.steps import predict, train_step
from training.inputs.augment import augment, augment_bands
from training.inputs.mixing import mix
from training.inputs.sampler import Sampler
from training.inputs.spectral import model_batch, with_bands
from training.parallel.world import World

CPU = torch.device("cpu")
HERE = World(0, 1, CPU)
COLORS_KEPT = AugmentConfig(color_probability=0, blur_probability=0, noise_probability=0, mix_probability=0)
STREAM = SpectralStream("bands", ("a", "b", "c"), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
MICRO = ModelConfig((16, 32, 64, 128), (1, 1, 1, 1), head_dim=16, num_classes=2, img_size=64, spectral_chans=3)


def config_of(**changes) -> FinetuneConfig:
    return FinetuneConfig.model_validate(
        {
            "data": {"dirs": ["."]},
            "model": {"name": "hvit_tiny_dfca"},
            "spectral": {"kind": "bands", "names": ["a", "b", "c"], "dropout": 0.25},
            "augment": {"min_area": 0.7, "max_margin": 0.0, "color_probability": 0.0, "mix_probability": 0.0},
            "phases": [{"until": 1.0, "img_size": 64}],
            "square": 1.0,
            "batch_size": 16,
        }
        | changes
    )


def bands_of(cache, planes: list[np.ndarray | None]) -> BandCache:
    """A cache of bands from arrays (C, H, W), of which some are missing."""
    present = np.array([plane is not None for plane in planes])
    values = np.concatenate([plane.ravel() for plane in planes if plane is not None]).astype(np.float16)
    return BandCache(cache.sizes, present, 3, values)


@pytest.fixture
def cache(color_photos, tmp_path):
    """Photos whose bands are their own colors as reflectance."""
    cache = open_cache(read_samples([color_photos], "train"), 160, tmp_path / "cache")
    cache.bands = bands_of(cache, [cache[i].transpose(2, 0, 1) / 255 for i in range(len(cache))])
    return cache


@pytest.mark.parametrize("sides", [(64, 64), (32, 32), (64, 96)])  # 32 px averages pixels before it samples them
def test_bands_show_the_same_view_as_the_colors(cache, sides):
    photos, samples = np.arange(48), np.arange(100, 148)
    colors = augment(cache, photos, samples, sides, COLORS_KEPT, 3, CPU)
    bands, filled = (
        augment_bands(cache, photos, samples, sides, COLORS_KEPT, 3, CPU, (value,) * 3) for value in (0.0, 9.0)
    )
    inside = (filled - bands).abs() < 1e-3  # beyond the photo, colors are filled by draws and bands as they are told
    assert 0.5 < inside.float().mean() < 0.95
    assert (255 * bands - colors)[inside].abs().max() < 1.5  # of 255: float16, and rounding of averaged colors
    assert (filled - bands).max().item() == pytest.approx(9)


def test_colors_change_and_bands_do_not(cache):
    photos, samples = np.arange(16), np.arange(16)
    strong = COLORS_KEPT.model_copy(
        update={"color_probability": 1.0, "noise_probability": 1.0, "blur_probability": 1.0}
    )
    sides = (64, 64)
    colors = [augment(cache, photos, samples, sides, c, 0, CPU) for c in (COLORS_KEPT, strong)]
    bands = [augment_bands(cache, photos, samples, sides, c, 0, CPU, (0.0, 0.0, 0.0)) for c in (COLORS_KEPT, strong)]
    assert torch.equal(*bands) and (colors[0] - colors[1]).abs().mean() > 5


def test_a_sample_mixed_with_one_that_lacks_bands_lacks_them(cache):
    cache.bands = bands_of(cache, [None if i % 2 else cache[i].transpose(2, 0, 1) / 255 for i in range(len(cache))])
    photos, samples = np.arange(16), np.arange(16)
    config = COLORS_KEPT.model_copy(update={"mix_probability": 1.0, "cutmix_share": 0.0})
    views = augment(cache, photos, samples, (64, 64), config, 0, CPU)
    views = with_bands(views, cache, photos, samples, config, 0, STREAM)
    apart = views.clone()
    views, targets = mix(views, torch.arange(16), samples, 16, config, 0)
    _, spectral, present = model_batch(views, samples, Preprocessing(64), STREAM, config_of(
        spectral={"kind": "bands", "names": ["a", "b", "c"], "dropout": 0.0}
    ).spectral, 0)  # fmt: skip
    for i in range(16):
        mixed_of = (targets[i] > 1e-3).nonzero().flatten().tolist()  # a smaller share is none
        assert present[i].item() == all(j % 2 == 0 for j in mixed_of)
        expected = sum(share * apart[j, 3:6] for j, share in enumerate(targets[i]))
        torch.testing.assert_close(spectral[i] * 0.25 + 0.5, expected, atol=1e-4, rtol=1e-3)
    assert present.any() and not present.all()


def test_dropout_is_a_function_of_seed_and_sample_alone():
    views, spectral = torch.rand(4000, 3, 1, 1), config_of().spectral
    stream = SpectralStream("indices", ("ExG", "VARI", "GLI", "NGRDI"), (0.0,) * 4, (1.0,) * 4)

    def kept(samples, seed):
        batch = model_batch(views[: len(samples)], samples, Preprocessing(64), stream, spectral, seed)
        return batch[2].numpy()

    everyone = kept(np.arange(4000), 7)
    assert abs(everyone.mean() - 0.75) < 0.03
    parts = [kept(np.arange(first, first + 8), 7) for first in range(0, 4000, 8)]
    assert np.array_equal(np.concatenate(parts), everyone)
    assert not np.array_equal(kept(np.arange(4000), 8), everyone)


def test_indices_are_those_of_the_view():
    views = 255 * torch.rand(8, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    stream = SpectralStream("indices", ("ExG", "VARI", "GLI", "NGRDI"), (0.1,) * 4, (0.5,) * 4)
    images, spectral, _ = model_batch(views, np.arange(8), Preprocessing(64), stream, config_of().spectral, 0)
    torch.testing.assert_close(images, Preprocessing(64).normalize(views))
    torch.testing.assert_close(spectral, (vegetation_indices(views) - 0.1) / 0.5)


def test_gradients_accumulated_over_two_halves_are_those_of_one_batch(cache):
    """The same gradients, with a dropout at which different draws would show."""
    labels, gradients = np.arange(len(cache)) % 2, []
    criterion = ClassificationLoss(config_of().loss, 0.0, torch.tensor([0.5, 0.5]), ["a", "b"])
    for batch_size, accum_steps in ((16, 1), (8, 2)):
        config = config_of(batch_size=batch_size, accum_steps=accum_steps)
        torch.manual_seed(0)
        model, sampler = HViT(MICRO).train(), Sampler(np.ones(len(cache)), 0)
        words = (cache, labels, sampler, Preprocessing(64), criterion, config, 0.0, HERE)
        train_step(3, model, model, *words, stream=STREAM)
        gradients.append({name: p.grad for name, p in model.named_parameters()})
    assert any(gradients[0][name].abs().max() > 1e-4 for name in gradients[0] if "fusion" in name)
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, atol=1e-5, rtol=1e-3, msg=name)


def test_a_micro_model_learns_what_bands_alone_show(cache):
    """The class is how bright the second band is; the pictures know nothing of it."""
    labels = (np.arange(len(cache)) // 3) % 2  # every color and size on both sides
    rng = np.random.default_rng(0)
    planes = [rng.uniform(0.3, 0.5, (3, *cache.sizes[i])) + 0.2 * labels[i] * np.eye(3)[1][:, None, None]
              for i in range(len(cache))]  # fmt: skip
    cache.bands = bands_of(cache, planes)
    config = config_of()
    torch.manual_seed(0)
    model, preprocessing = HViT(MICRO).train(), Preprocessing(64)
    criterion = ClassificationLoss(config.loss, 0.05, torch.tensor([0.5, 0.5]), ["a", "b"])
    optimizer, sampler = adamw(model, 3e-3, 0.01, 0.98), Sampler(np.ones(len(cache)), 0)
    for step in range(40):
        words = (cache, labels, sampler, preprocessing, criterion, config, 0.0, HERE)
        train_step(step, model, model, *words, stream=STREAM)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    everyone = np.arange(len(cache))
    with_them = predict(model.eval(), cache, everyone, preprocessing, HERE, stream=STREAM).argmax(1)
    cache.bands = None
    without = predict(model, cache, everyone, preprocessing, HERE, stream=STREAM).argmax(1)
    assert (with_them == labels).mean() == 1 and (without == labels).mean() < 0.8


@pytest.fixture(scope="module")
def photos_with_bands(color_photos, tmp_path_factory):
    """The colored photos with two bands beside each but one."""
    root = tmp_path_factory.mktemp("bands") / "colors"
    shutil.copytree(color_photos, root)
    rng = np.random.default_rng(0)
    for number, photo in enumerate(sorted(root.rglob("*.png"))):
        if number:
            level = 0.2 + 0.2 * ("healthy" in str(photo))
            planes = rng.normal(level, 0.02, (2, *_sides(photo))).clip(0, 1)
            np.save(photo.with_suffix(".npy"), planes.astype(np.float32))
    return root


def _sides(photo):
    from PIL import Image

    with Image.open(photo) as image:
        return image.height, image.width


ARMS = {
    "bands": ["spectral={kind: bands, names: [red edge, near infrared]}"],
    "indices": ["spectral.kind=indices"],
}


@pytest.fixture(scope="module", params=ARMS)
def trained(request, tiny_config, photos_with_bands, tmp_path_factory):
    """A narrow run of a few steps with each kind of stream."""
    run_dir = tmp_path_factory.mktemp("runs") / request.param
    changes = [
        f"data.dirs=['{photos_with_bands}']", "model.name=hvit_tiny_dfca", "model.embed_dims=[16, 16, 32, 32]",
        "model.depths=[1, 1, 1, 1]", "model.head_dim=16", "rejection_photos=100", *ARMS[request.param],
    ]  # fmt: skip
    words = ["--config", str(tiny_config), "--run-dir", str(run_dir), "--device", "cpu"]
    assert finetune.main([*words, *[word for change in changes for word in ("--set", change)]]) == 0
    return run_dir, request.param


def test_the_card_says_what_the_stream_expects(trained):
    run_dir, kind = trained
    spectral = json.loads((run_dir / "model.json").read_text())["spectral"]
    names = {"bands": ["red edge", "near infrared"], "indices": ["ExG", "VARI", "GLI", "NGRDI"]}[kind]
    assert (spectral["kind"], spectral["names"], spectral["scale"]) == (kind, names, 1.0)
    if kind == "bands":  # a third of the photos lies around 0.4, the others around 0.2
        np.testing.assert_allclose(spectral["mean"], 0.267, atol=0.01)
    checkpoint = load_checkpoint(run_dir)
    assert checkpoint.takes_bands == (kind == "bands") and checkpoint.model.config.spectral_chans == len(names)


def test_evaluation_uses_bands_and_can_leave_them_out(trained, photos_with_bands, capsys):
    run_dir, kind = trained
    words = ["evaluate", "--run", str(run_dir), "--data", str(photos_with_bands), "--json"]
    assert hvit(words) == 0
    answer = json.loads(capsys.readouterr().out)
    status = hvit([*words, "--without-bands"])
    out, err = capsys.readouterr()
    if kind == "indices":
        assert status == 2 and "run indices takes no bands; leave the option out" in err
    else:
        assert status == 0 and json.loads(out)["n"] == answer["n"] == 12 and json.loads(out)["nll"] != answer["nll"]


def test_the_plan_names_the_channels_and_the_dropout(tiny_config, capsys):
    words = ["--config", str(tiny_config), "--dry-run", "--device", "cpu", "--set", "model.name=hvit_tiny_dfca"]
    assert finetune.main([*words, "--set", "spectral={kind: bands, dropout: 0.3}"]) == 0
    text = capsys.readouterr().out
    assert "near infrared 840 nm" in text and "30 % of the samples learn without" in text
    assert finetune.main([*words, "--set", "spectral.kind=indices"]) == 0
    assert "indices computed from the photo's colors: ExG, VARI, GLI, NGRDI" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["spectral.kind=bands"], "spectral is for hvit_tiny_dfca, .*, and model.name is hvit_tiny"),
        (["model.name=hvit_tiny_dfca"], "set spectral.kind to bands or indices, or use hvit_tiny"),
        (["model.name=timm:resnet18", "spectral.kind=bands"], "and model.name is timm:resnet18"),
        (["model.name=hvit_tiny_dfca", "spectral={kind: indices, names: [a]}"], "names are those of bands"),
        (["model.name=hvit_tiny_dfca", "spectral={kind: indices, scale: 2}"], "scale are those of bands"),
        (["model.name=hvit_tiny_dfca", "spectral={kind: bands, names: [a, a]}"], "expected one a band, each another"),
        (["model.name=hvit_tiny_dfca", "spectral={kind: bands, dropot: 1}"], "did you mean dropout"),
        (["model.name=hvit_tiny_dfca", "spectral={kind: bands, dropout: 1}"], "less than 1"),
        (["model.name=hvit_tiny_dfca", "spectral={dropout: 0.1}"], "spectral.kind"),
        (["data.early_stress=true"], "early_stress makes Early_stress a class of rendered leaves, and dirs name none"),
    ],
)
def test_what_does_not_fit_together_is_refused_in_one_line(tiny_config, overrides, expected):
    with pytest.raises(ConfigError, match=expected) as refused:
        load_config(tiny_config, overrides)
    assert "\n" not in str(refused.value)


def test_training_without_any_bands_is_refused(tiny_config, capsys, tmp_path):
    words = ["--config", str(tiny_config), "--run-dir", str(tmp_path / "run"), "--device", "cpu"]
    status = finetune.main([*words, "--set", "model.name=hvit_tiny_dfca", "--set", "spectral.kind=bands"])
    assert status == 2 and "no training photo has any; expected leaf.npy" in capsys.readouterr().err


def test_a_run_with_other_channels_is_no_start(trained, tiny_config, photos_with_bands, tmp_path, capsys):
    run_dir, kind = trained
    other = "spectral.kind=indices" if kind == "bands" else "spectral={kind: bands, names: [red edge, near infrared]}"
    changes = [
        f"data.dirs=['{photos_with_bands}']", "model.name=hvit_tiny_dfca", "model.embed_dims=[16, 16, 32, 32]",
        "model.depths=[1, 1, 1, 1]", "model.head_dim=16", f"init={run_dir}", other,
    ]  # fmt: skip
    words = ["--config", str(tiny_config), "--run-dir", str(tmp_path / "run"), "--device", "cpu"]
    assert finetune.main([*words, *[word for change in changes for word in ("--set", change)]]) == 2
    assert "spectral channels, the configuration asks for" in capsys.readouterr().err


def test_a_stream_is_new_on_a_backbone_that_learned_without(tiny_run):
    config = config_of(init=tiny_run, eval_img_size=64)
    torch.manual_seed(1)
    model, parent = new_model(config, model_arguments(config, 3)), parent_of(config)
    fresh = {name: value.clone() for name, value in model.backbone.state_dict().items() if name.startswith("fusion.")}
    take_backbone(model, parent)
    taken = model.backbone.state_dict()
    assert fresh and all(torch.equal(taken[name], value) for name, value in fresh.items())
    theirs = parent.model.backbone.state_dict()
    assert all(torch.equal(taken[name], value) for name, value in theirs.items() if name != "image_embedding")


def test_the_auxiliary_loss_leaves_the_spectral_stream_its_part(cache):
    """Painting sees no bands; labels are learned with them in the same step."""
    config = config_of(aux_mae_weight=0.5)
    torch.manual_seed(0)
    model = HViT(MICRO).train()
    joint, labels = joint_model(model, config.masked), np.arange(len(cache)) % 2
    criterion = ClassificationLoss(config.loss, 0.0, torch.tensor([0.5, 0.5]), ["a", "b"])
    words = (cache, labels, Sampler(np.ones(len(cache)), 0), Preprocessing(64), criterion, config, 0.0, HERE)
    train_step(0, joint, model, *words, stream=STREAM)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in joint.parameters())
    assert model.backbone.fusion.gate_logit.grad.any() and model.backbone.patch_embed.conv1.weight.grad.any()


def test_pretraining_a_model_with_a_stream_is_refused():
    with pytest.raises(ValueError, match="hvit_tiny_dfca takes a spectral picture, and pre-training shows none"):
        PretrainModel(name="hvit_tiny_dfca")
