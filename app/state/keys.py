"""Keys of widgets in `st.session_state`; for most they are also the names of query parameters."""

CROP = "crop"
RUN = "run"
CROP_MENU = "crop_menu"
FOLDER = "folder_path"
SHOW_MAP = "show_map"
SHOW_TRUTH = "show_truth"
SHOW_AREA = "show_area"
AREA_LEVEL = "area_level"
SEVERITY_DATA = "masks"
GUESS = "guess"
DATA_SET = "data_set"
EXAMPLE_CLASS = "example"
MEASURED = "measured"
COLOR = "color"
CLASS = "class"
BESIDE = "beside"
SELECT_BY = "select_by"
MAP, MAP_BESIDE = MAPS = "map", "map_beside"
MAP_PHOTO = "map_photo"
POINTED = "pointed"
CUT_X = "cut_x"
CUT_Y = "cut_y"
JUDGED = "judged"
SPLIT = "split"
ERRORS_VIEW = "errors"
TRUE_CLASS = "true"
CALLED = "called"
ORDER = "order"
NUMBERS = "numbers"
MATRIX = "matrix"
KIND = "kind"
COMPARED_GROUPS = "runs"
RUNS_VIEW = "view"
METRIC = "metric"
AXIS = "axis"
SMOOTHING = "smoothing"
EACH_SEED = "each_seed"
AGAINST = "against"
ALL_SETTINGS = "all_settings"
COST = "cost"
FIRST_RUN = "first"
SECOND_RUN = "second"
OUTCOME = "outcome"
CALIBRATION_VIEW = "calibration"
CALIBRATION_DATA = "of"
LEVEL = "level"
ACCEPTED = "accepted"
DISTANCE_SPLIT = "distances"
SETS_SHOWN = "sets"
STRESSED, STRESSED_BESIDE = "stressed", "against_run"
STRESS_VIEW = "robustness"
STRESS_KIND = "change"
STRESS_MEASURE = "score"
STRESS_STRENGTH = "strong"
STRESS_LADDER = "ladder"
STRESS_PHOTO = "stress_photo"
ABLATION = "ablation"
ABLATION_METRIC = "learned"
# Of the Attention page; all but the last three are in the address too, `SAMPLE` without a widget.
ASKED = "explain"
METHOD = "method"
STAGE = "stage"
RESIDUAL = "residual"
SQUARE = "square"
SQUARE_STAGE = "square_stage"
SECOND = "with"
BLOCK = "block"
SAMPLE = "sample"
PHOTO = "photo_menu"
LOOK = "look"
STRENGTH = "strength"

# Of the Batch page.
BATCH = "batch"
BATCH_PART = "part"
BATCH_NAME = "batch_name"
BATCH_FOLDER = "batch_folder"
BATCH_FILE = "file"
BATCH_VERDICTS = "verdicts"
BATCH_CROP = "of_crop"
BATCH_LABEL = "condition"
BATCH_RANGE = "probability"
BATCH_REVIEWED = "reviewed"
BATCH_ORDER = "sorted"
BATCH_PAGE = "batch_page"
SET_CROP = "set_crop"
SET_LEVEL = "set_level"
REPORT_MAPS = "report_maps"
REVIEWER = "reviewer"
TRIAL_CONDITION = "incidence_of"
TRIAL_MEASURE = "measure"

# Titles that options had in addresses before, by key.
FORMER_TITLES = {
    COLOR: {"Strangeness": "strangeness", "Right or wrong": "correct"},
    ERRORS_VIEW: {"Sure and wrong": "sure"},
    RUNS_VIEW: {"Better or chance?": "verdict"},
    AGAINST: {"each with each": "every pair"},
    METRIC: {
        "Validation: right at first name": "val/top1",
        "Hold-out: nearest neighbors right": "holdout/knn_top1",
        "Hold-out: linear probe right": "holdout/probe_top1",
    },
    OUTCOME: {
        "only the first is right": "only_first_right",
        "only the second is right": "only_second_right",
        "both wrong, alike": "both_wrong_alike",
        "both wrong, differently": "both_wrong_differently",
    },
    ABLATION_METRIC: {"Validation: right at first name": "top1"},
}
