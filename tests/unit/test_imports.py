"""Training runs on machines that hold torch and little else."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCKED = ("streamlit", "gradio", "plotly", "captum", "openTSNE", "pooch", "filelock", "onnx", "onnxruntime", "modal")
PROGRAM = f"""
import contextlib, importlib, io, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BLOCKED!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    if not hasattr(module, "main"):
        continue
    shown = io.StringIO()
    try:
        with contextlib.redirect_stdout(shown):
            module.main(["--help"])
    except SystemExit as end:
        assert not end.code, name
    assert "usage" in shown.getvalue(), name
    print(name)
"""


def modules(folder: str) -> list[str]:
    files = sorted((ROOT / folder).rglob("*.py"))
    return [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files if path.stem != "__init__"]


def test_training_starts_without_the_libraries_of_pages_explanations_and_maps():
    names = [name for name in modules("training") if not name.startswith("training.launch")] + ["hvit.__main__"]
    found = subprocess.run([sys.executable, "-c", PROGRAM, *names], cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert {"training.finetune", "training.pretrain", "training.check_device"} <= set(found.stdout.split())
