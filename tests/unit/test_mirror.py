"""Tests mirror the tree: the tests of hvit/x/y.py are in tests/unit/hvit/x/test_y.py, or where the table names."""

from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Modules whose tests are elsewhere, with the reason. Patterns are tried in order; the file must be there.
TESTED_IN = {
    # Streamlit parts are tested through the pages that show them.
    "app/models/panels.py": "tests/unit/app/test_data_and_models_pages.py",
    "app/data/panels.py": "tests/unit/app/test_data_and_models_pages.py",
    "app/compare/*.py": "tests/unit/app/compare/test_page.py",
    "app/evaluation/*.py": "tests/unit/app/evaluation/test_page.py",
    "app/ablations/panels.py": "tests/unit/app/ablations/test_page.py",
    "app/guess/panels.py": "tests/browser/test_severity_journey.py",
    "app/robustness/*.py": "tests/unit/app/robustness/test_page.py",
    "app/batch/*.py": "tests/unit/app/batch/test_page.py",
    "app/diagnose/area_panel.py": "tests/unit/app/diagnose/test_area_page.py",
    "app/diagnose/*.py": "tests/unit/app/diagnose/test_page.py",
    "app/attention/*.py": "tests/unit/app/attention/test_page.py",
    "app/calibration/*.py": "tests/unit/app/calibration/test_page.py",
    "app/feature_space/*.py": "tests/unit/app/feature_space/test_page.py",
    "app/severity/*.py": "tests/unit/app/severity/test_page.py",
    "app/cache/*.py": "tests/unit/app/diagnose/test_page.py",
    "app/figures/agreement.py": "tests/unit/app/severity/test_page.py",
    "app/figures/*.py": "tests/unit/app/figures/test_intervals.py",  # all that draw intervals, in one file
    "app/origins.py": "tests/unit/app/test_access_control.py",
    "app/state/*.py": "tests/unit/app/diagnose/test_page.py",
    "app/*.py": "tests/unit/app/diagnose/test_page.py",
    # A command is tested as a user calls it.
    "hvit/commands/explain.py": "tests/unit/hvit/commands/test_explain_command.py",
    "hvit/commands/condition.py": "tests/unit/hvit/commands/test_condition_command.py",
    "hvit/commands/[cfm]*.py": "tests/unit/hvit/commands/test_paper_commands.py",
    "hvit/commands/*.py": "tests/unit/hvit/commands/test_command_line.py",
    # What keeps one promise together is tested together.
    "hvit/batches/*.py": "tests/unit/hvit/batches/test_results.py",
    "hvit/data/caching/*.py": "tests/unit/training/inputs/test_spectral.py",
    "hvit/data/conditions/cards.py": "tests/unit/hvit/data/conditions/test_shipped_cards.py",
    "hvit/data/corruptions/*.py": "tests/unit/hvit/data/corruptions/test_references.py",
    "hvit/data/datasets/samples.py": "tests/unit/hvit/data/datasets/test_rendered_samples.py",
    "hvit/data/image_formats/[hv]*.py": "tests/unit/hvit/data/image_formats/test_heif.py",
    "hvit/data/image_formats/*.py": "tests/unit/hvit/data/image_formats/test_decoding_work.py",
    "hvit/data/leafsim/*.py": "tests/unit/hvit/data/leafsim/test_leaf.py",
    "hvit/data/unknown_kinds.py": "tests/unit/hvit/scoring/test_distances.py",
    "hvit/data/*.py": "tests/unit/hvit/test_diagnosis.py",
    "hvit/explain/methods/*.py": "tests/unit/hvit/explain/test_methods.py",
    "hvit/explain/controls.py": "tests/unit/hvit/explain/test_localization.py",
    "hvit/explain/leaf_shares.py": "tests/unit/app/attention/test_page.py",
    "hvit/explain/re*.py": "tests/unit/app/attention/test_words.py",
    "hvit/explain/*.py": "tests/unit/hvit/explain/test_methods.py",
    "hvit/feature_space/*.py": "tests/unit/app/feature_space/test_page.py",
    "hvit/models/torchvision_ops.py": "tests/unit/hvit/models/test_timm.py",
    "hvit/models/*.py": "tests/golden/test_models.py",
    "hvit/paper/[prs]e*.py": "tests/unit/hvit/paper/test_methods.py",
    "hvit/paper/*.py": "tests/unit/hvit/paper/test_figures.py",
    "hvit/rejection/*.py": "tests/unit/hvit/rejection/test_methods.py",
    "hvit/runs/fields.py": "tests/unit/hvit/runs/test_bad_runs.py",
    "hvit/runs/saving.py": "tests/unit/hvit/runs/test_checkpoint.py",
    "hvit/runs/*.py": "tests/unit/hvit/runs/test_runs.py",
    "hvit/scoring/robustness_records.py": "tests/unit/hvit/scoring/test_robustness.py",
    "hvit/scoring/segmentation.py": "tests/unit/hvit/scoring/test_severity.py",
    "hvit/scoring/*.py": "tests/unit/hvit/scoring/test_evaluation.py",
    "hvit/severity/records.py": "tests/unit/hvit/scoring/test_severity.py",
    "hvit/severity/*.py": "tests/unit/hvit/severity/test_estimator.py",
    "hvit/speed/roofline.py": "tests/unit/hvit/speed/test_benchmark.py",
    "hvit/untrusted/fields.py": "tests/unit/hvit/runs/test_bad_runs.py",
    "hvit/timm_models.py": "tests/unit/hvit/models/test_timm.py",
    "hvit/weights_origin.py": "tests/unit/hvit/models/test_pretrained.py",
    "hvit/words.py": "tests/unit/app/diagnose/test_words.py",
    "hvit/*.py": "tests/unit/hvit/commands/test_command_line.py",
    # A program is tested as a whole, and its rooms with it.
    "training/stressing/*.py": "tests/unit/training/test_stress.py",
    "training/tables/marked_section.py": "tests/unit/training/test_stress_report.py",
    "training/explanation_tests/*.py": "tests/unit/training/test_explain.py",
    "training/explain_report.py": "tests/unit/training/test_explain.py",
    "training/ablations/*.py": "tests/unit/training/test_ablate.py",
    "training/calibration/*.py": "tests/unit/training/test_calibrate.py",
    "training/config/*.py": "tests/unit/training/test_config.py",
    "training/device_checks/*.py": "tests/unit/training/test_check_device.py",
    "training/distillation/*.py": "tests/unit/training/distillation/test_stored_outputs.py",
    "training/dry_run/*.py": "tests/unit/training/dry_run/test_finetune_plan.py",
    "training/engine/pacing.py": "tests/unit/training/engine/test_time_budget.py",
    "training/engine/timing.py": "tests/unit/training/test_profile.py",
    "training/engine/*.py": "tests/unit/training/engine/test_trainer.py",
    "training/frozen_features/*.py": "tests/unit/training/calibration/test_unknown_classes.py",
    "training/inputs/datasets.py": "tests/unit/training/test_finetune.py",
    "training/inputs/own_photos.py": "tests/unit/training/test_quick.py",
    "training/inputs/profiler_regions.py": "tests/unit/training/test_profile.py",
    "training/inputs/unlabeled.py": "tests/unit/training/test_pretrain.py",
    "training/parallel/*.py": "tests/unit/training/engine/test_entry_point.py",
    "training/segmentation/*.py": "tests/unit/training/test_segment.py",
    "training/self_supervised/*.py": "tests/unit/training/test_pretrain.py",
}
MODULES = [
    path.relative_to(ROOT)
    for package in ("app", "hvit", "training")
    for path in sorted((ROOT / package).rglob("*.py"))
    if not path.name.startswith("__")
]


def own_test(module):
    return Path("tests/unit") / module.parent / f"test_{module.name}"


def pattern_of(module):
    return next((pattern for pattern in TESTED_IN if fnmatch(module.as_posix(), pattern)), None)


def test_every_module_has_its_tests():
    untested = [module for module in MODULES if not (ROOT / own_test(module)).exists() and pattern_of(module) is None]
    assert untested == [], "write their tests, or name in the table where they are tested"


def test_the_table_names_files_that_are_there():
    assert [file for file in TESTED_IN.values() if not (ROOT / file).exists()] == []
