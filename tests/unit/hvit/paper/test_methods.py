"""The Methods paragraph holds what a run recorded, and its BibTeX what it cites."""

import re

import pytest

from hvit.paper.methods import methods_of
from hvit.paper.references import REFERENCES, bibliography, cited_for
from hvit.runs import Run, RunError
from tests.support.model_cards import DETECTOR
from tests.support.recorded_runs import CLASSES, write_records

FULL = {
    "data": {"dirs": ["data/plantvillage-160"], "train_fraction": 0.1},
    "model": {"name": "hvit_tiny", "drop_path_rate": 0.05},
    "optim": {
        "lr": 0.001, "min_lr": 1e-05, "weight_decay": 0.05, "warmup_epochs": 2.0, "clip_norm": 1.0, "ema_decay": 0.99,
        "label_smoothing": 0.1, "layer_decay": 0.7,
    },
    "loss": {"name": "focal", "gamma": 2.0},
    "augment": {"quarter_turns": True, "mix_probability": 0.5, "cutmix_share": 0.6, "mixup_alpha": 0.3},
    "epochs": 80.0, "batch_size": 64, "accum_steps": 2, "phases": [{"until": 1.0, "img_size": 96}],
    "precision": "bf16", "aux_mae_weight": 1.0,
}  # fmt: skip
CARD = {
    "architecture": "hvit_tiny",
    "arguments": {"num_classes": 4, "img_size": 64},
    "preprocessing": {"img_size": 64, "mean": [0.5] * 3, "std": [0.2] * 3},
    "temperature": 0.641,
    "conformal": {"alpha": 0.02, "method": "lac", "threshold": 0.9},
    "ood": DETECTOR,
    "licences": {"plantvillage-160": "CC BY-SA 3.0 (Hughes & Salathe 2015)"},
}
INFO = {
    "world_size": 2, "device": "cpu", "elapsed_s": 6000.0, "seed": 3, "plants_known": False,
    "libraries": {"python": "3.11.7", "torch": "2.13.0", "numpy": "2.4.6"}, "git": {"commit": "eaa52fdc0537ae1aad27"},
    "summary": {"best_step": 13640, "calibrate_n": 1059},
}  # fmt: skip


@pytest.fixture
def full(tmp_path):
    run = write_records(tmp_path / "full", config=FULL, card=CARD, info=INFO)
    (run / "test_evaluations.jsonl").write_text("{}\n{}\n")
    return run


def entries(bibtex: str) -> dict[str, dict[str, str]]:
    """Keys with their fields; fails where a brace is not closed or a line is no field."""
    found = {}
    for entry in bibtex.split("\n\n"):
        assert entry.count("{") == entry.count("}"), entry
        head, *lines, end = entry.splitlines()
        assert re.fullmatch(r"@(article|inproceedings|misc|software)\{[a-z0-9]+,", head) and end == "}"
        fields = [re.fullmatch(r"  ([a-z]+) = \{(.+)\},?", line) for line in lines]
        assert all(fields) and all(line.endswith("},") for line in lines[:-1])
        found[head.split("{")[1].rstrip(",")] = {field[1]: field[2] for field in fields}
    return found


def test_every_recorded_fact_is_shown(full):
    text = methods_of(Run(full)).text
    for fact in (
        "HViT-T", "from random weights", "4 classes of 2 crops", "10 % of the photos of each class", "CC BY-SA 3.0",
        "Which plant each of them shows was not known", "weight decay 0.05", "learning rate 0.001 after 2 epochs",
        "the focal loss [@lin2017focal] (gamma 2) with label smoothing of 0.1", "factor of 0.7 a layer",
        "decay 0.99", "80 epochs with batches of 256, at 96 px", "step 13,640", "T = 0.641, fitted on 1,059 photos",
        "error level of 2 %", "beyond 0.690", "Test was evaluated twice", "PyTorch 2.13.0", "Python 3.11.7",
        "CPU in 2 processes, bfloat16 mixed precision, 100 minutes in all. Seed 3.",
    ):  # fmt: skip
        assert fact in text, fact


def test_size_is_counted_on_the_recorded_architecture(full):
    from hvit.models.counting import cost_of

    cost = cost_of("hvit_tiny", CARD["arguments"], 64)
    text = methods_of(Run(full)).text
    assert f"({cost.params / 1e6:.2f} million parameters, {cost.gmacs:.2f} GMACs for a picture of 64 px)" in text


def test_a_model_that_begins_with_convolutions_says_whose_and_cites_them(tmp_path):
    card = CARD | {"architecture": "hvit_tiny_conv"}
    methods = methods_of(Run(write_records(tmp_path / "conv", config=FULL, card=card, info=INFO)))
    assert "HViT-T, a hierarchical vision transformer whose first two stages, and the way down to" in methods.text
    assert "blocks of efficientnet_lite0 [@sandler2018mobilenetv2; @tan2019efficientnet]" in methods.text
    assert {"sandler2018mobilenetv2", "tan2019efficientnet"} <= set(entries(methods.bibtex))


def test_what_was_not_recorded_is_not_shown(tmp_path):
    run = write_records(tmp_path / "bare", card={"temperature": None})
    methods = methods_of(Run(run))
    for word in ("calibrat", "Temperature", "conformal", "rejected", "AdamW", "mixup", "smoothing", "minutes",
                 "Which plant", "Test was evaluated", "licence", "PyTorch", "step"):  # fmt: skip
        assert word not in methods.text, word
    assert set(entries(methods.bibtex)) == {"hvit"}


def test_distillation_names_the_teachers_and_cites_the_method(tmp_path):
    distill = {"teacher": ["runs/A", "B"], "weight": 0.7, "temperature": 2.0, "features": 0.0}
    run = write_records(tmp_path / "run", config=FULL | {"distill": distill}, card=CARD, info=INFO)
    methods = methods_of(Run(run))
    words = "class probabilities of run A and run B [@hinton2015distilling], weight 0.7, temperature 2."
    assert words in methods.text and "1503.02531" in methods.bibtex


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        ({"augment": {"quarter_turns": True, "mix_probability": 0.0}}, {"zhang2018mixup", "yun2019cutmix"}),
        ({"augment": {"mix_probability": 0.5, "cutmix_share": 1.0}}, {"zhang2018mixup"}),
        ({"augment": {"mix_probability": 0.5, "cutmix_share": 0.0}}, {"yun2019cutmix"}),
        ({"loss": {"name": "cross_entropy", "gamma": None}}, {"lin2017focal"}),
        ({"aux_mae_weight": 0.0}, {"das2024limited"}),
        ({"model": {"name": "hvit_tiny", "drop_path_rate": 0.0}}, {"huang2016stochastic"}),
    ],
)
def test_a_method_that_was_not_used_is_neither_described_nor_cited(tmp_path, change, gone):
    run = write_records(tmp_path / "run", config=FULL | change, card=CARD, info=INFO)
    methods = methods_of(Run(run))
    every = set(entries(methods_of(Run(write_records(tmp_path / "all", config=FULL, card=CARD, info=INFO))).bibtex))
    assert every - set(entries(methods.bibtex)) == gone
    assert not any(key in methods.text for key in gone)


def test_every_citation_has_its_entry_and_every_entry_is_cited(full):
    methods = methods_of(Run(full))
    cited = set(re.findall(r"@([a-z0-9]+)", methods.text))
    assert cited == set(entries(methods.bibtex)) == set(methods.keys)


def test_the_entry_of_the_tool_names_the_commit_that_made_the_run(full):
    assert entries(methods_of(Run(full)).bibtex)["hvit"]["version"] == "commit eaa52fdc0537"


def test_all_references_parse_and_have_author_title_and_year():
    found = entries(bibliography(REFERENCES, None))
    assert set(found) == {*REFERENCES, "hvit"}
    for key, fields in found.items():
        assert {"author", "title"} <= set(fields) and (key == "hvit" or re.fullmatch(r"(19|20)\d\d", fields["year"]))
        if "eprint" in fields:
            assert re.fullmatch(r"\d{4}\.\d{4,5}", fields["eprint"])
        assert key == "hvit" or fields["year"] in key  # what is cited is the year of the entry


@pytest.mark.parametrize(
    ("name", "licence", "keys"),
    [
        ("plantvillage-160", "CC BY-SA 3.0", ["hughes2015plantvillage"]),
        ("field-256", "mixed (PlantDoc CC BY 4.0)", ["singh2020plantdoc"]),
        ("coffee-leaf-256", "CC BY 4.0 (Esgario, Krohling & Ventura 2020)", ["esgario2020coffee"]),
        ("my-photos", "", []),
    ],
)
def test_a_data_set_is_cited_where_its_name_or_licence_identifies_it(name, licence, keys):
    assert cited_for(name, licence) == keys


def test_a_parent_run_that_is_at_hand_is_suggested_first(full, tmp_path):
    pre = write_records(
        tmp_path / "pre",
        config={
            "model": {"name": "hvit_tiny"},
            "method": "simclr",
            "contrastive": {"temperature": 0.2, "decoupled": True},
            "img_size": 64,
        },
        card={"classes": [], "temperature": None},
        info={"kind": "pretrain"},
    )
    run = Run(write_records(tmp_path / "after", config=FULL, card=CARD, info=INFO | {"parent": "pre"}))
    methods = methods_of(run, Run(pre))
    first, second = methods.text.split("\n\n")
    assert "SimCLR with the decoupled contrastive loss" in first and "without labels" in first
    assert "from the backbone of run pre" in second and "chen2020simclr" in methods.keys
    assert "chen2020simclr" not in methods_of(run).keys


def test_a_run_of_frozen_features_describes_its_head_and_its_folds(tmp_path):
    config = {
        "data": {"dirs": ["photos"]}, "model": {"name": "hvit_tiny", "frozen": True}, "folds": 5,
        "head": {"kind": "logistic regression", "C": 0.1},
    }  # fmt: skip
    run = write_records(tmp_path / "quick", config=config, info={"tags": ["quick"], "parent": "leaf45-tiny"})
    methods = methods_of(Run(run))
    assert "frozen weights from the backbone of run leaf45-tiny" in methods.text
    assert "5-fold cross-validation" in methods.text and "pedregosa2011scikit" in methods.keys


PRETRAINED = {
    "architecture": "timm:tf_efficientnet_lite0", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "source": "a page",
    "licence": "Apache 2.0", "trained_on": "ImageNet-1k", "sha256": "5" * 64,
}  # fmt: skip


def test_pretrained_weights_are_described_with_source_licence_and_data(tmp_path):
    run = write_records(tmp_path / "run", config=FULL, card=CARD | {"pretrained": PRETRAINED}, info=INFO)
    methods = methods_of(Run(run))
    for fact in (
        "was trained from pretrained weights of tf_efficientnet_lite0 to tell",
        "Those were trained on ImageNet-1k [@deng2009imagenet] and come from a page (licence: Apache 2.0), SHA-256 555",
        "with mean 0.5, 0.5, 0.5 and standard deviation 0.5, 0.5, 0.5.",
    ):
        assert fact in methods.text, fact
    assert "deng2009imagenet" in entries(methods.bibtex) and "random weights" not in methods.text


def test_unknown_facts_of_pretrained_weights_are_left_out(tmp_path):
    unknown = PRETRAINED | {"licence": "unknown", "trained_on": "unknown"}
    child = INFO | {"parent": "first"}
    run = write_records(tmp_path / "run", config=FULL, card=CARD | {"pretrained": unknown}, info=child)
    methods = methods_of(Run(run))
    assert "from the backbone of run first to tell" in methods.text and "unknown" not in methods.text
    assert "The pretrained weights of tf_efficientnet_lite0 that its parent began with come from a page" in methods.text
    assert "deng2009imagenet" not in methods.keys


def test_a_run_that_is_not_finished_says_so(tmp_path):
    run = write_records(tmp_path / "stopped", config=FULL, card=CARD, info=INFO | {"status": "preempted"})
    assert "is not finished (preempted)" in methods_of(Run(run)).text


def test_a_run_without_a_configuration_is_refused(full):
    (full / "config.yaml").unlink()
    with pytest.raises(RunError, match="no config.yaml, which records how it was made"):
        methods_of(Run(full))


def test_classes_are_those_of_the_card(full):
    assert f"{len(CLASSES)} classes" in methods_of(Run(full)).text
