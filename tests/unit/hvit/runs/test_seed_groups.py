"""Ways of training, and the differences between configurations."""

from dataclasses import dataclass

from hvit.runs.seed_groups import ABSENT, differences, flattened, group_by_seed


@dataclass(frozen=True)
class Member:
    name: str
    seed: int | None
    config: dict | None
    kind: str = "finetune"


def test_runs_that_differ_only_in_the_seed_are_one_seed_group():
    runs = [Member(f"tenth-mae-{seed}", seed, {"seed": seed, "optim": {"lr": 1.0}}) for seed in (2, 0, 1)]
    runs += [Member("tenth-mae-high", 0, {"seed": 0, "optim": {"lr": 2.0}})]
    runs += [Member("sketch", 0, {"seed": 0, "optim": {"lr": 1.0}}, "pretrain"), Member("bare", None, None)]
    ways = {way.name: way.seeds for way in group_by_seed(runs)}
    assert ways == {"tenth-mae": [0, 1, 2], "tenth-mae-high": [0], "sketch": [0], "bare": [None]}


def test_runs_that_start_from_runs_of_their_own_seed_are_one_seed_group():
    own = [Member(f"mae-{seed}", seed, {"seed": seed, "init": f"runs/pre-{seed}"}) for seed in (0, 1)]
    same = [Member(f"mae-{seed}", seed, {"seed": seed, "init": "runs/pre-0"}) for seed in (0, 1)]
    others = [Member(f"mae-{seed}", seed, {"seed": seed, "init": f"runs/{name}"}) for seed, name in enumerate("ab")]
    assert [way.seeds for way in group_by_seed(own)] == [[0, 1]] == [way.seeds for way in group_by_seed(same)]
    assert [way.seeds for way in group_by_seed(others)] == [[0], [1]]


def test_an_option_that_is_off_is_as_if_it_were_not_there():
    before, after = {"seed": 0, "data": {"balance": 0.0}}, {"seed": 1, "data": {"balance": 0.0, "early_stress": False}}
    runs = [Member("a-0", 0, before), Member("a-1", 1, after | {"spectral": None})]
    assert [way.seeds for way in group_by_seed(runs)] == [[0, 1]]
    assert [way.seeds for way in group_by_seed([*runs, Member("b", 0, before | {"spectral": 1})])] == [[0, 1], [0]]


def test_settings_that_change_no_results_do_not_split_a_seed_group():
    runs = [Member("a-0", 0, {"seed": 0, "lr": 1, "log_every": 50, "data": {"cache_dir": "cache", "side": 160}})]
    runs += [Member("a-1", 1, {"seed": 1, "lr": 1, "hang_minutes": 10.0, "skip_limit": 10, "data": {"side": 160}})]
    assert [way.seeds for way in group_by_seed(runs)] == [[0, 1]]


def test_two_seed_groups_never_have_the_same_name():
    runs = [Member(f"a-{i}", i % 2, {"seed": i % 2, "lr": i // 2}) for i in range(4)]
    assert [way.name for way in group_by_seed(runs)] == ["a-0, a-1", "a-2, a-3"]


def test_configurations_are_flattened_with_their_lists_of_groups():
    config = {
        "optim": {"lr": 1},
        "dirs": ["a", "b"],
        "phases": [{"until": 0.5}, {"until": 1}],
        "augment": {},
        "init": None,
    }
    assert flattened(config) == {
        "optim.lr": 1,
        "dirs": ["a", "b"],
        "phases.0.until": 0.5,
        "phases.1.until": 1,
        "augment": {},
        "init": None,
    }


def test_only_differences_are_shown():
    configs = [
        {"lr": 1, "ema": True, "spectral": None, "seed": 0},
        {"lr": 1.0, "ema": 1, "spectral": {"kind": "bands"}, "seed": 0},
    ]
    assert differences(configs) == {"ema": [True, 1], "spectral": [None, ABSENT], "spectral.kind": [ABSENT, "bands"]}
    assert differences(configs[:1]) == {} == differences([])
