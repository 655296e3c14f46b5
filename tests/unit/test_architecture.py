"""The import arrows: pages -> app -> hvit <- training, floors of rooms within each, and no circles."""

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


# The rooms of each package, floor by floor from the bottom. A room is a folder or a module right below its package. Its
# modules import one another and rooms of lower floors: none beside them, none above. A new room goes on the lowest
# floor that its imports allow; a folder within a room that stands higher than the room is named with it.
FLOORS = {
    "app": (
        {"words", "theme", "query_params", "origins", "photos"},
        {"access_control", "state", "figures"},
        {"cache"},
        {"widgets"},
        {"photo_inputs", "reviewing"},
        {"gallery"},
        {"diagnose", "compare", "data", "evaluation", "feature_space", "guess", "models", "robustness", "severity"},
        # show a verdict, and curves, as the pages below them do
        {"attention", "ablations", "batch", "calibration", "gradio_demo"},
        {"main"},
    ),
    "hvit": (
        {"console", "files", "fonts", "processes", "weights_origin"},
        {"csv_tables", "device", "models", "untrusted"},
        {"data", "rejection", "speed", "timm_models"},
        {"calibration", "severity"},
        {"runs"},
        {"verdicts", "words"},
        {"data.inspection", "explain", "export"},
        {"diagnosis", "onnx_session"},
        {"batches", "scoring"},
        {"feature_space", "trials"},
        {"paper"},
        {"commands"},
        {"__main__"},
    ),
    "training": (
        {"command_line", "config", "launch", "parallel", "tables"},
        {"ablations", "explanation_tests", "inputs"},
        {"distillation", "frozen_features", "segmentation", "stressing"},
        {"calibration"},
        {"engine"},
        {"self_supervised"},
        {"dry_run"},
        {"programs"},  # every other module at the root, to be started with python -m
        {"device_checks"},
        {"check_device"},
    ),
}
# What still goes upwards. Mend one and take its line away; none is added.
UPWARDS: set[tuple[str, str]] = set()


NAMED = {f"{package}.{name}" for package, floors in FLOORS.items() for floor in floors for name in floor}


def room_of(module):
    """`hvit.runs` of `hvit.runs.reader`; the package itself, whose `__init__` anybody imports, has none."""
    parts = module.split(".")
    for length in (3, 2):
        if ".".join(parts[:length]) in NAMED:
            return ".".join(parts[:length])
    return None if len(parts) == 1 else "training.programs" if len(parts) == 2 and parts[0] == "training" else module


def floor_of(room):
    package, _, name = room.partition(".")
    found = [number for number, floor in enumerate(FLOORS[package]) if name in floor]
    assert len(found) == 1, f"{room} is on {len(found)} floors of the table; put it on one"
    return found[0]


def upward_arrows(sources):
    """(module, room) of each import that does not lead to a lower floor; `sources` maps modules to their text."""
    found = set()
    for module, source in sources.items():
        own = room_of(module)
        for other in {room_of(name) for name in imported_modules(source, sources.keys())} - {own, None}:
            within = own is not None and own.split(".")[0] == other.split(".")[0]
            if within and floor_of(other) >= floor_of(own):
                found.add((module, other))
    return found


SOURCES = {module_of(path): path.read_text(encoding="utf-8") for path in FILES if path.parts[-2] != "pages"}


def test_rooms_import_lower_floors_only():
    new, mended = upward_arrows(SOURCES) - UPWARDS, UPWARDS - upward_arrows(SOURCES)
    assert not new, "imports that lead upwards or sideways"
    assert not mended, "mended: take these lines out of UPWARDS"


def test_every_room_of_the_table_exists():
    assert {room_of(module) for module in SOURCES} - {None} == NAMED


@pytest.mark.parametrize(
    ("sources", "found"),
    [
        (
            {"app.cache.a": "from app.diagnose import words", "app.diagnose.words": ""},
            {("app.cache.a", "app.diagnose")},
        ),
        ({"app.data.words": "import app.models.words", "app.models.words": ""}, {("app.data.words", "app.models")}),
        ({"app.cache.a": "import app.cache.b", "app.cache.b": "import hvit.files", "hvit.files": ""}, set()),
        (
            {"training.inputs.a": "import training.finetune", "training.finetune": ""},
            {("training.inputs.a", "training.programs")},
        ),
    ],
)
def test_an_arrow_upwards_or_sideways_is_found(sources, found):
    assert upward_arrows(sources) == found


def test_pages_are_no_terminal():
    """No module of `app` that Streamlit runs imports what belongs to the command line."""
    importers = {
        module
        for module, source in SOURCES.items()
        for name in imported_modules(source, SOURCES.keys())
        if room_of(name) in ("hvit.console", "hvit.commands") and module.startswith("app.")
    }
    assert importers <= {"app.gradio_demo"}


def test_no_test_imports_from_a_file_of_tests():
    """What several tests need is in `tests/support`, or a fixture of a conftest, which nobody imports."""
    found = {}
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            if module.startswith("tests.") and module.rsplit(".")[-1].startswith(("test_", "conftest")):
                found.setdefault(path.relative_to(ROOT).as_posix(), set()).add(module)
    assert found == {}
