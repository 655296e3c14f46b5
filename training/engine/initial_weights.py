"""Builds the model of a configuration with initial weights: random, of another run, or pretrained."""

from dataclasses import replace

from hvit.data.preprocess import Preprocessing
from hvit.models import Classifier, HViT, create_model
from hvit.models.baselines import PREFIX
from hvit.models.pretrained import PretrainedWeights, PretrainedWeightsError
from hvit.models.pretraining import JointModel, MaskedDecoder
from hvit.models.timm_weights import check_hub_weights, weights_from_file, weights_from_hub
from hvit.runs import RunError, find_run
from hvit.runs.checkpoint import Checkpoint, load_checkpoint
from hvit.weights_origin import UNKNOWN, Origin
from training.config import ConfigError, FinetuneConfig, MaskedConfig

FROM_HUB = "timm"  # as `model.weights`
NO_FILE = "; docs/training.md says how to import it, or start from random weights: --set model.weights=null"


def model_arguments(config: FinetuneConfig, num_classes: int) -> dict:
    """Arguments of `create_model` beside the name, as kept in `model.json`."""
    return {
        "num_classes": num_classes,
        "drop_path_rate": config.model.drop_path_rate,
        "img_size": config.eval_img_size,
        **config.model.shape,
        **({"spectral_chans": len(config.spectral.channels)} if config.spectral is not None else {}),
    }


def new_model(config: FinetuneConfig, arguments: dict) -> Classifier:
    """Builds the model with random weights.

    Raises:
        ValueError: a baseline that does not support the configuration.
    """
    model = create_model(config.model.name, **arguments)
    model.set_grad_checkpointing(config.model.grad_checkpointing)
    model.check_image_sizes(_sides(config))
    return model


def decoder_for(model: HViT, config: MaskedConfig) -> MaskedDecoder:
    """Builds a decoder with random weights for the stages of a model."""
    return MaskedDecoder(model.config.embed_dims, config.decoder_dim, config.decoder_depth)


def joint_model(model: HViT, config: MaskedConfig) -> JointModel:
    """Wraps the model with a new decoder for joint training."""
    return JointModel(model, decoder_for(model, config))


def _sides(config: FinetuneConfig) -> list[tuple[int, int]]:
    """All square image sides of a configuration, and two non-square ones, in pixels."""
    sizes = {phase.img_size for phase in config.phases} | {config.eval_img_size, *config.serve_img_sizes}
    squares = [(size, size) for size in sorted(sizes)]
    return squares + [Preprocessing(config.eval_img_size).sides(*photo) for photo in ((100, 200), (200, 100))]


def parent_of(config: FinetuneConfig) -> Checkpoint | None:
    """Loads the run that `init` names; None where training starts from random weights.

    Raises:
        ConfigError: it is of another architecture.
        RunError: there is none.
        CheckpointError: it has no weights, or damaged ones.
    """
    if config.init is None:
        return None
    try:
        run = find_run(config.init)
    except RunError as error:
        raise RunError(f"init: {error} (from random weights: --set init=null)") from None
    checkpoint = load_checkpoint(run.path, headless=True)
    # A spectral stream may be new on a backbone that learned without.
    if checkpoint.card.architecture not in (config.model.name, config.model.name.removesuffix("_dfca")):
        raise ConfigError(
            f"init: run {checkpoint.name} is a {checkpoint.card.architecture}, the configuration asks for "
            f"{config.model.name}; set model.name to {checkpoint.card.architecture}, or choose another run"
        )
    return checkpoint


def weights_of(config: FinetuneConfig) -> PretrainedWeights | None:
    """Loads the pretrained weights that `model.weights` names; None without any.

    Raises:
        PretrainedWeightsError: they cannot be read or downloaded, or are those of another net.
    """
    weights, architecture = config.model.weights, config.model.weights_architecture
    if weights is None:
        return None
    try:
        return weights_from_hub(architecture) if weights == FROM_HUB else weights_from_file(weights, architecture)
    except PretrainedWeightsError as error:
        hint = "" if weights == FROM_HUB or weights.exists() else NO_FILE
        raise PretrainedWeightsError(f"model.weights: {error}{hint}") from None


def take_weights(model: Classifier, weights: PretrainedWeights) -> None:
    """Loads pretrained weights into a baseline without its head, or into the convolutional front of an HViT.

    Raises:
        PretrainedWeightsError: they do not fit; nothing is changed then.
    """
    try:
        model.load_timm_weights(weights.tensors)
    except ValueError as error:
        raise PretrainedWeightsError(f"model.weights: {error}") from None


def check_start(config: FinetuneConfig, model: Classifier) -> str:
    """Describes the initial weights of a model, checked as far as possible without downloading.

    Raises:
        ValueError: training would refuse it.
    """
    if (parent := parent_of(config)) is not None:
        return f"the backbone of {parent.name}"
    if config.model.weights is None:
        return "random weights"
    architecture = config.model.weights_architecture
    if config.model.weights == FROM_HUB:
        check_hub_weights(architecture)
        return f"timm's pretrained weights of {architecture.removeprefix(PREFIX)}, to be downloaded"
    weights = weights_of(config)
    take_weights(model, weights)
    return start_in_words(weights.origin)


def start_in_words(origin: Origin) -> str:
    """`pretrained weights of tf_efficientnet_lite0 (ImageNet-1k)`."""
    learned = "" if origin.trained_on == UNKNOWN else f" ({origin.trained_on})"
    return f"pretrained weights of {origin.architecture.removeprefix(PREFIX)}{learned}"


def preprocessing_for(
    config: FinetuneConfig, parent: Checkpoint | None, weights: PretrainedWeights | None
) -> Preprocessing:
    """Preprocessing of a new run, normalized as its initial weights expect."""
    usual = Preprocessing(config.eval_img_size)
    if parent is not None:
        return replace(parent.preprocessing, img_size=config.eval_img_size)
    return usual if weights is None else replace(usual, mean=weights.origin.mean, std=weights.origin.std)


def origin_of(parent: Checkpoint | None, weights: PretrainedWeights | None) -> Origin | None:
    """Origin of the outside weights of a run, or of those its parent started from; None without any."""
    if weights is not None:
        return weights.origin
    return None if parent is None else parent.card.pretrained


def check_head(parent: Checkpoint, classes: list[str]) -> None:
    """Checks that a parent run has the same classes.

    Raises:
        ConfigError: names the first class that only one of the two has.
    """
    if not parent.classes:
        raise ConfigError(f"init_head: run {parent.name} was pre-trained without labels and has no head; leave it out")
    if other := sorted(set(parent.classes) ^ set(classes)):
        raise ConfigError(
            f"init_head: run {parent.name} knows {len(parent.classes)} classes and the photos show {len(classes)}; "
            f"only one of the two has {other[0]}; without init_head the head is new"
        )


def take_head(model: Classifier, parent: Checkpoint, classes: list[str]) -> None:
    """Copies the head of a run with the same classes.

    Raises:
        ConfigError: it knows others.
    """
    check_head(parent, classes)
    model.get_classifier().load_state_dict(parent.model.get_classifier().state_dict())


def take_backbone(model: Classifier, parent: Checkpoint) -> None:
    """Copies all weights but the head.

    Raises:
        ConfigError: the parent is of another shape, or a baseline was made for another size.
    """
    try:
        model.load_backbone(parent.model)
    except ValueError as error:
        raise ConfigError(f"init: run {parent.name}: {error}") from None
