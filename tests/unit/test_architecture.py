"""The import arrows: pages -> app -> hvit <- training, and no circles."""

import ast
import graphlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = {"app", "hvit", "pages", "training", "tests"}
ALLOWED = {"pages": {"app"}, "app": {"app", "hvit"}, "hvit": {"hvit"}, "training": {"training", "hvit"}}
SCREENS = {"streamlit", "gradio", "plotly"}
ONLY_IN = {"timm": {"hvit/timm_models.py", "hvit/models/baselines.py"}, "gradio": {"app/gradio_demo.py"}}
FILES = [path for folder in ALLOWED for path in sorted((ROOT / folder).rglob("*.py"))]


def imported_packages(source):
    """Top-level names a file imports, at the top and inside functions."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names.add(node.module.split(".")[0])
    return names


def broken_arrows(path, source):
    folder, imported = path.split("/")[0], imported_packages(source)
    broken = imported & OURS - ALLOWED[folder]
    if folder in ("hvit", "training"):
        broken |= imported & SCREENS
    if folder == "pages":
        broken |= imported & {"torch"}
    return broken | {name for name, files in ONLY_IN.items() if name in imported and path not in files}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_follow_the_arrows(path):
    assert broken_arrows(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize(
    ("path", "source", "broken"),
    [
        ("hvit/diagnosis.py", "def f():\n    import streamlit.web", {"streamlit"}),
        ("hvit/runs.py", "from training.config import load_config", {"training"}),
        ("app/cache/runs.py", "import pages.diagnose, hvit.runs", {"pages"}),
        ("pages/diagnose.py", "from hvit import diagnosis\nfrom app import cache", {"hvit"}),
        ("training/engine/steps.py", "from app import theme\nimport hvit", {"app"}),
        ("hvit/runs.py", "import timm", {"timm"}),
        ("hvit/timm_models.py", "import timm", set()),
    ],
)
def test_a_broken_arrow_is_found(path, source, broken):
    assert broken_arrows(path, source) == broken


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_modules(source, modules):
    """Which of `modules` a file imports, at the top, inside functions and for types alone."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in modules else node.module for name in inner}
    return names & modules


def circle_in(sources):
    """The modules of a circle of imports, None where there is none; `sources` maps modules to their text."""
    arrows = {name: imported_modules(source, sources.keys()) for name, source in sources.items()}
    try:
        graphlib.TopologicalSorter(arrows).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return None


def test_imports_run_in_no_circle():
    assert circle_in({module_of(path): path.read_text(encoding="utf-8") for path in FILES}) is None


def test_a_circle_is_found():
    assert circle_in({"a.b": "from a import c", "a.c": "def f():\n    import a.b", "a": ""}) is not None
    assert circle_in({"a.b": "from a import c", "a.c": "import os", "a": "from a.b import x"}) is None
