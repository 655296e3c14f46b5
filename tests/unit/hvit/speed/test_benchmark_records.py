"""The tables of docs/benchmarks.md are those of the records beside it, number by number."""

import json
from collections import defaultdict
from pathlib import Path

import pytest

from hvit.models.counting import cost_of

DOCS = Path(__file__).resolve().parents[4] / "docs"


def record(name: str) -> dict:
    return json.loads((DOCS / "benchmarks" / f"{name}.json").read_text())


def table(header: list[str], left: int, rows) -> str:
    """Markdown; the first `left` columns are words."""
    lines = [header, ["---"] * left + ["--:"] * (len(header) - left), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f} %"


def speed(row: dict) -> str:
    """Pictures a second, and how many times as fast the first model of the turns is."""
    ratio = "" if row["model"] == row["against"] else f" ({1 / row['times_as_fast']:.2f}x)"
    return f"{row['images_per_s']:.1f}{ratio}"


def inference() -> str:
    by_setting = defaultdict(list)
    for row in record("infer-cpu")["rows"]:
        by_setting[row["threads"], row["precision"], row["batch_size"]].append(row)
    models = [f"`{row['model']}`" for row in next(iter(by_setting.values()))]
    rows = [[*setting, *map(speed, group)] for setting, group in by_setting.items()]
    return table(["threads", "precision", "batch", *models], 2, rows)


def sizes() -> str:
    published = {"hvit_small": ("22M", 4.6, 1256), "hvit_base": ("86M", 15.4, 745), "hvit_large": ("304M", 45.8, 312)}
    fp32, bf16 = (
        {row["model"]: row for row in record("infer-cpu-sizes")["rows"] if row["precision"] == precision}
        for precision in ("fp32", "bf16")
    )
    rows = []
    for name, text in published.items():
        cost = cost_of(name, {"num_classes": 1000}, 224)
        speeds = [f"{by[name]['images_per_s']:.1f}" for by in (fp32, bf16)]
        rows.append([f"`{name}`", *text, f"{cost.params / 1e6:.0f}M", f"{cost.gmacs:.1f}", *speeds])
    header = ["model", "published: parameters", "GMACs", "img/s", "here: parameters", "GMACs", "img/s, fp32"]
    return table([*header, "img/s, bf16"], 1, rows)


def inference_on_gpu() -> str:
    published = {"hvit_small": 1256, "hvit_base": 745, "hvit_large": 312}
    rows = []
    for row in record("gpu-infer")["rows"]:
        known = published.get(row["model"])
        cells = ("", "") if known is None else (known, f"{row['images_per_s'] / known:.1f}x")
        rows.append([f"`{row['model']}`", f"{row['images_per_s']:,.0f}", *cells, f"{row['peak_mb']:,.0f}"])
    return table(["model", "img/s", "published img/s", "times as fast", "peak MB"], 1, rows)


def convolutions() -> str:
    rows = []
    for name in ("infer-cpu-conv", "train-cpu-conv"):
        found = record(name)["rows"]
        for plain, conv in zip(found[::2], found[1::2], strict=True):
            assert (plain["model"], conv["model"]) == ("hvit_tiny", "hvit_tiny_conv")
            speeds = [f"{row['images_per_s']:.1f}" for row in (plain, conv)]
            peaks = [f"{row['peak_mb']:.0f}" for row in (plain, conv)]
            setting = [plain[key] for key in ("mode", "img_size", "batch_size")]
            rows.append([*setting, *speeds, f"{1 / conv['times_as_fast']:.2f}x", *peaks])
    header = ["mode", "px", "batch", "`hvit_tiny`, img/s", "`hvit_tiny_conv`, img/s", "as long a picture"]
    return table([*header, "peak MB", "peak MB, conv"], 1, rows)


def compiled_inference() -> str:
    return beside_compiled("infer-cpu-compiled")


def training() -> str:
    return beside_compiled("train-cpu")


def beside_compiled(name: str) -> str:
    eager, compiled = (
        {row["model"]: row for row in record(name)["rows"] if row["compiled"] == made} for made in (False, True)
    )
    rows = []
    for name in eager:
        cells = [cell for by in (eager, compiled) for cell in (speed(by[name]), f"{by[name]['peak_mb']:.0f}")]
        rows.append([f"`{name}`", *cells, f"{compiled[name]['times_as_fast_as_eager']:.2f}x"])
    return table(["model", "img/s", "peak MB", "compiled, img/s", "peak MB", "than eager"], 1, rows)


def step() -> str:
    parts = record("step-cpu")["parts"]
    return table(["part of a step", "ms", "share"], 1, [
        [part["name"], f"{part['host_ms']:.1f}", percent(part["share"], 1)] for part in parts
    ])  # fmt: skip


def scaling() -> str:
    by_precision = [record(f"scaling-cpu-{precision}")["rows"] for precision in ("fp32", "bf16")]
    rows = []
    for pair in zip(*by_precision):
        cells = [
            cell
            for row in pair
            for cell in (
                f"{row['images_per_s']:.0f} ({row['times_as_fast']:.2f}x)",
                f"{row['largest_difference_of_a_loss']:.0e}",
            )
        ]
        rows.append([pair[0]["processes"], pair[0]["threads"], *cells])
    header = ["processes", "threads each", "fp32, img/s", "loss differs by", "bf16, img/s", "loss differs by"]
    return table(header, 0, rows)


def parts() -> str:
    (found,) = record("parts-cpu")["profile"]
    header = ["part", "ms", "of the time", "GMACs", "time in products"]
    return table([*header, "speed of its arithmetic against a large matrix product"], 1, [
        [
            part["name"], f"{part['time_ms']:.1f}", percent(part["share"]), f"{part['gmacs']:.2f}",
            percent(part["in_products"]), percent(part["of_matmul"]),
        ]
        for part in found["parts"]
    ])  # fmt: skip


TABLES = [inference, convolutions, inference_on_gpu, compiled_inference, sizes, training, step, scaling, parts]


@pytest.mark.parametrize("made", TABLES)
def test_a_table_is_that_of_its_record(made):
    assert made() in (DOCS / "benchmarks.md").read_text(encoding="utf-8")
