"""Names of all files of a batch, and the version of its format. A batch is a folder `batches/<name>/`.

| file | content |
|---|---|
| batch.json | schema version, run and hash of its weights, classes, temperature, thresholds, time of creation |
| photos.csv | path, sha256 (empty until the photo is read): append-only |
| uploads/, folders/1 | photos that were uploaded; links to the folders of photos that were typed |
| scores/part-*.parquet | a row a photo: logits before temperature, rejection score, flags, severity, error |
| thumbnails/ | small JPEGs, named by the SHA-256 of the photo's path |
| crops.csv, notes.csv, reviews.csv | crops, notes and decisions of users: append-only, the last row of a photo counts |
| settings.json | level of the prediction sets |
| verdicts.csv | manifest for training: agreed labels; rewritten from reviews.csv after each review |
| trial.csv or trial.xlsx | the sheet of a field trial, as it was given |
| progress.json, stop | heartbeat of the process that scores, and the request that it stop |

Paths in these files are relative to the folder of the batch, with forward slashes.
"""

SCHEMA_VERSION = 1

INFO = "batch.json"
PHOTOS = "photos.csv"
UPLOADS = "uploads"
FOLDERS = "folders"
SCORES = "scores"
THUMBNAILS = "thumbnails"
CROPS = "crops.csv"
NOTES = "notes.csv"
REVIEWS = "reviews.csv"
SETTINGS = "settings.json"
VERDICTS = "verdicts.csv"
TRIAL = ("trial.csv", "trial.xlsx")
PROGRESS = "progress.json"
STOP = "stop"
LOCK = ".lock"
WORKER_LOCK = ".worker.lock"
