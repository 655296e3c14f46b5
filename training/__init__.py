"""Training programs, each run as `python -m training.<name>` (its name is a contract); all else is in folders.

Trainings: `pretrain` (self-supervised), `finetune` (classifier), `segment` (severity head), `quick` (linear head on
frozen features), `ablate` (an ablation study of finetunings). Weights from outside: `import_weights`.

Of a finished run: `calibrate` (temperature, prediction sets, detector), `compare_rejection` (detectors), `embed`
(t-SNE map), `explain` (explanation methods), `stress` (corruptions), `steadiness` (turned photos), `transfer`
(drawn to real leaves), `compare` (two seed groups). Documents: `report`, `explain_report`, `sheet`.

Of a machine: `check_device`, `profile`, `scaling`.

| folder | what is in it |
|---|---|
| configs/ | YAML files of trainings that can be repeated |
| engine/ | training loop, schedule, optimizer, EMA, checkpoints, resume, time budget, initial weights |
| inputs/ | data sets, sampler, augmentation, masking, spectral inputs, random streams |
| parallel/ | process group, FSDP, watchdog, signals and exit codes |
| self_supervised/ | pretext tasks, contrastive loss, monitors of features |
| distillation/ | teachers, stored teacher outputs |
| calibration/ | conformal thresholds, rejection thresholds, photos of a run's split.csv |
| segmentation/ | data sets with masks, losses and calibration of the severity head |
| frozen_features/ | linear heads and sample-size curves on stored features |
| ablations/, dry_run/, tables/ | plans of ablations, `--dry-run`, sections of docs/results.md |
| device_checks/ | parts of `check_device` |
| launch/ | launchers of cloud services |

Start reading at `finetune.py`, then `engine/trainer.py`. `config/` holds every option, `command_line.py` the
shared flags.
"""
