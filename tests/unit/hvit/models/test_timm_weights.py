"""Weights of timm's models from files and from a hub that runs here; timm is the oracle."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from safetensors.torch import save, save_file

from hvit.files import file_sha256
from hvit.models.baselines import import_timm
from hvit.models.pretrained import PretrainedWeightsError, save_pretrained
from hvit.models.timm_weights import (
    check_hub_weights,
    import_state_dict,
    pretraining_data,
    to_float16,
    weights_from_file,
    weights_from_hub,
)

NAME = "timm:test_efficientnet"
PICTURE = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    net = import_timm().create_model("test_efficientnet").eval()
    for name, value in net.state_dict().items():
        if "running_" in name:
            value.uniform_(0.5, 2)
    return net


@pytest.fixture
def foreign(net, tmp_path):
    """The same weights under other names, as `torch.save` writes them."""
    path = tmp_path / "foreign.pth"
    torch.save({f"_{name.replace('blocks', 'layers')}": value for name, value in net.state_dict().items()}, path)
    return path


def logits(tensors) -> torch.Tensor:
    net = import_timm().create_model("test_efficientnet").eval()
    net.load_state_dict(tensors)
    with torch.no_grad():
        return net(PICTURE)


def test_a_foreign_file_gives_the_logits_of_the_net_it_came_from(net, foreign):
    weights = import_state_dict(foreign, NAME, licence="MIT")
    assert torch.equal(logits(weights.tensors), logits(net.state_dict()))
    origin = weights.origin
    assert (origin.architecture, origin.source, origin.licence, origin.trained_on) == (
        NAME, "foreign.pth", "MIT", "unknown",
    )  # fmt: skip
    assert origin.mean == tuple(net.pretrained_cfg["mean"]) and origin.std == tuple(net.pretrained_cfg["std"])
    assert origin.sha256 == file_sha256(foreign)


def test_the_lite_nets_expect_pixels_from_minus_one_to_one():
    for name in ("tf_efficientnet_lite0", "tf_efficientnet_lite2"):
        cfg = import_timm().get_pretrained_cfg(name)
        assert cfg.mean == (0.5, 0.5, 0.5) and cfg.std == (0.5, 0.5, 0.5)


def test_a_normalization_that_was_given_is_kept(foreign):
    origin = import_state_dict(foreign, NAME, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6)).origin
    assert origin.mean == (0.1, 0.2, 0.3) and origin.std == (0.4, 0.5, 0.6)


def test_a_file_with_the_names_of_timm_needs_no_import_and_its_classifier_may_be_another(net, tmp_path):
    state = {name: value for name, value in net.state_dict().items() if not name.startswith("classifier")}
    torch.save(state | {"classifier.weight": torch.ones(7, 3)}, tmp_path / "w.pth")
    save_file(state, tmp_path / "w.safetensors")
    for path in (tmp_path / "w.pth", tmp_path / "w.safetensors"):
        weights = weights_from_file(path, NAME)
        assert set(weights.tensors) == set(state)
        assert all(torch.equal(value, state[name]) for name, value in weights.tensors.items())
        assert weights.origin.mean == tuple(net.pretrained_cfg["mean"]) and weights.origin.sha256 == file_sha256(path)


def test_weights_of_another_net_are_refused(net, foreign, tmp_path):
    imported = tmp_path / "imported.safetensors"
    save_pretrained(imported, import_state_dict(foreign, NAME))
    with pytest.raises(PretrainedWeightsError, match="weights of timm:test_efficientnet; expected those of timm:"):
        weights_from_file(imported, "timm:test_resnet")
    with pytest.raises(PretrainedWeightsError, match="has no tensor conv_stem.weight .* import it first"):
        weights_from_file(foreign, NAME)
    with pytest.raises(PretrainedWeightsError, match="they belong to different architectures"):
        import_state_dict(foreign, "timm:test_resnet")
    torch.save(net.state_dict() | {"blocks.9.conv.weight": torch.ones(2)}, tmp_path / "more.pth")
    with pytest.raises(PretrainedWeightsError, match="more.pth: .*blocks.9.conv.weight has no place"):
        weights_from_file(tmp_path / "more.pth", NAME)


def test_float16_spares_statistics_and_what_it_cannot_hold():
    found = to_float16({
        "conv.weight": torch.tensor([1.0, 2.0]), "bn.running_var": torch.tensor([1e-9]),
        "head.weight": torch.tensor([1e5]), "bn.num_batches_tracked": torch.tensor(3),
    })  # fmt: skip
    assert [value.dtype for value in found.values()] == [torch.float16, torch.float32, torch.float32, torch.int64]


@pytest.mark.parametrize(
    ("tag", "data"),
    [("in1k", "ImageNet-1k"), ("r160_in1k", "ImageNet-1k"), ("augreg_in21k_ft_in1k", "ImageNet-21k, then ImageNet-1k"),
     ("lvd142m", "unknown"), ("", "unknown")],
)  # fmt: skip
def test_tags_name_the_training_data(tag, data):
    assert pretraining_data(tag) == data


class Hub(BaseHTTPRequestHandler):
    """Serves one file as the Hugging Face hub does; every other one is missing."""

    blob, asked = b"", []

    def do_HEAD(self):
        self.asked.append(self.path)
        found = self.path.endswith("/timm/test_efficientnet.r160_in1k/resolve/main/model.safetensors")
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(self.blob) if found else 0))
        self.send_header("ETag", f'"{hashlib.sha256(self.blob).hexdigest()}"')
        self.send_header("X-Repo-Commit", "a" * 40)
        if not found:
            self.send_header("X-Error-Code", "EntryNotFound")
        self.end_headers()
        if found and self.command == "GET":
            self.wfile.write(self.blob)

    do_GET = do_HEAD

    def log_message(self, *words):
        pass


@pytest.fixture
def hub(net, tmp_path, monkeypatch):
    """A hub on this machine in the place of the one of huggingface_hub, with an empty cache."""
    from huggingface_hub import constants, file_download

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    Hub.blob, Hub.asked = save(net.state_dict()), []
    address = f"http://127.0.0.1:{server.server_port}"
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    for module in (constants, file_download):
        if hasattr(module, "HUGGINGFACE_CO_URL_TEMPLATE"):
            monkeypatch.setattr(module, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Hub
    server.shutdown()
    server.server_close()


def test_timm_s_own_weights_come_from_its_hub_and_then_from_the_cache(net, hub):
    weights = weights_from_hub(NAME)
    assert torch.equal(logits(weights.tensors), logits(net.state_dict()))
    origin = weights.origin
    assert origin.source.startswith("timm/test_efficientnet.r160_in1k, through timm ")
    assert (origin.licence, origin.trained_on) == ("apache-2.0", "ImageNet-1k")
    assert origin.sha256 == hashlib.sha256(hub.blob).hexdigest()
    assert origin.mean == tuple(net.pretrained_cfg["mean"])


def test_weights_missing_from_the_hub_or_of_wrong_shape_are_one_sentence(hub):
    hub.blob = save({"a": torch.ones(2)})
    with pytest.raises(PretrainedWeightsError, match=r"timm's weights of test_efficientnet cannot be downloaded \("):
        weights_from_hub(NAME)
    with pytest.raises(PretrainedWeightsError, match=r"timm's weights of test_resnet cannot be downloaded \("):
        weights_from_hub("timm:test_resnet")


def test_no_network_is_one_sentence(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "empty"))
    with pytest.raises(PretrainedWeightsError, match="without a network name a file"):
        weights_from_hub(NAME)


def test_a_model_without_pretrained_weights_is_refused_without_a_network():
    with pytest.raises(PretrainedWeightsError, match="no pretrained weights of efficientnet_b6; it has those of"):
        check_hub_weights("timm:efficientnet_b6")
    check_hub_weights(NAME)
