"""What a session remembers between reruns and pages; the only file that names keys of `st.session_state`.

Of the choices that several pages share, `app.address` keeps the values.
"""

import os
from collections.abc import Iterable, Mapping, Sequence

import streamlit as st

from app.photos.photo_files import PhotoFile
from app.photos.pictures import Box

# Keys of widgets; for most they are also the names in the address bar.
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
WAYS = "runs"
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

_PHOTOS = "_photos"
_COPIES = "_copies"
_POSITION = "_position"
_CUTTING = "_cutting"
_CLICKED_REGIONS = "_clicked_regions"
_CUTS = "_cuts"
_INSISTED = "_insisted"
_AREAS = "_corrected_areas"
_GUESSES = "_guesses"
_LEAF_TO_GUESS = "_leaf_to_guess"
_PRESENT_GUESS = "_present_guess"
_INBOX = "_inbox"
_FOLDER_PROBLEM = "_folder_problem"
_FOLDER_NOTE = "_folder_note"
_NEXT_DRAWN = "_next_drawn"
_NEXT_SAMPLE = "_next_sample"
_SAMPLE_SEEN = "_sample_seen"
_EXPLAINED = "_explained"
_SHOWN_ANYWAY = "_shown_anyway"
_PHOTOS_FOLDER = "_photos_folder"
_SELECTED = "_selected_samples"
_DRAWN_SELECTED = "_selected_samples_when_drawn"
_TIMES_DRAWN = "_times_drawn"
_REFINED = "_refined"
_BATCH_INBOX = "_batch_inbox"
_BATCH_NOTE = "_batch_note"
_BATCH_ORDERS = "_batch_orders"
_BATCH_OPENED = "_batch_opened"
_BATCH_DONE = "_batch_done"
_BATCH_SELECTED = "_batch_selected"
_TO_REVIEW = "_to_review"
_SKIPPED = "_skipped"
_SHEET_INBOX = "_sheet_inbox"


def photos() -> list[PhotoFile]:
    """The photos given so far, in the order they came; they survive a change of page."""
    return list(st.session_state.get(_PHOTOS, {}).values())


def add_photos(given: Iterable[PhotoFile]) -> None:
    """Adds photos at the end, the same bytes once, and chooses the first new one."""
    known = st.session_state.setdefault(_PHOTOS, {})
    before = len(known)
    for photo in given:
        first = known.setdefault(photo.key, photo)
        if photo.address is None and photo.name != first.name:
            st.session_state.setdefault(_COPIES, {})[photo.name] = first.name
    if len(known) > before:
        choose(before)


def copies() -> dict[str, str]:
    """Names of files that were given with the bytes of another, and the name under which that one is listed."""
    return st.session_state.get(_COPIES, {})


def forget_photos() -> None:
    """Back to an empty page."""
    for key in (_PHOTOS, _COPIES, _POSITION, _CUTS, _INSISTED, _CUTTING, FOLDER, _FOLDER_PROBLEM, _FOLDER_NOTE):
        st.session_state.pop(key, None)


def position() -> int:
    """Which photo is shown large."""
    return st.session_state.get(_POSITION, 0)


def choose(index: int) -> None:
    """Shows photo number `index` large."""
    st.session_state[_POSITION] = index
    stop_cutting()


def step(by: int) -> None:
    """Chooses the next photo (1) or the one before (-1), around the ends."""
    choose((position() + by) % len(photos()))


def cut(photo: PhotoFile) -> Box | None:
    """The leaf cut out of this photo, or None where the whole photo counts."""
    return st.session_state.get(_CUTS, {}).get(photo.key)


def cut_chosen(box: Box | None) -> None:
    """Cuts a leaf out of the photo shown large, or takes the cut back with None."""
    st.session_state.setdefault(_CUTS, {})[photos()[position()].key] = box
    stop_cutting()


def is_cutting() -> bool:
    """Whether the sliders around one leaf are open."""
    return st.session_state.get(_CUTTING, False)


def start_cutting() -> None:
    st.session_state[_CUTTING] = True


def stop_cutting() -> None:
    for key in (_CUTTING, CUT_X, CUT_Y):
        st.session_state.pop(key, None)


def has_box() -> bool:
    """Whether the sliders have been set since they were opened."""
    return CUT_X in st.session_state


def put_box(box: Box) -> None:
    """Puts the sliders around `box`."""
    st.session_state[CUT_X] = (round(100 * box[0]), round(100 * box[2]))
    st.session_state[CUT_Y] = (round(100 * box[1]), round(100 * box[3]))


def box() -> Box:
    """The box the sliders stand at."""
    (left, right), (top, bottom) = st.session_state[CUT_X], st.session_state[CUT_Y]
    return left / 100, top / 100, right / 100, bottom / 100


def insists() -> bool:
    """Whether the reader said that the photo shown large is a leaf, though it is unfamiliar."""
    return position() in st.session_state.get(_INSISTED, set())


def insist() -> None:
    st.session_state.setdefault(_INSISTED, set()).add(position())


def corrected_areas() -> dict[tuple[str, str], float]:
    """Lesion shares that the reader corrected, by photo and model."""
    return st.session_state.setdefault(_AREAS, {})


def correct_area(photo: str, model: str, share: float | None) -> None:
    """Keeps a corrected lesion share; None takes the measured one again."""
    if share is None:
        corrected_areas().pop((photo, model), None)
    else:
        corrected_areas()[(photo, model)] = share


def left_out_key(photo: str) -> str:
    """Key of the numbers of a photo's regions that show no symptom."""
    return f"left_out_{photo}"


def left_out(photo: str) -> tuple[int, ...]:
    """Numbers of the regions of a photo that the reader left out."""
    return tuple(st.session_state.get(left_out_key(photo)) or ())


def regions_key(photo: str) -> str:
    """Key of the figure whose regions are clicked; a new one after each click, so that a second click counts too."""
    return f"regions_{photo}_{st.session_state.get(_CLICKED_REGIONS, 0)}"


def take_clicked_region(photo: str) -> None:
    """Leaves the clicked region out, or counts it again; the region's number travels with the point."""
    points = st.session_state[regions_key(photo)]["selection"]["points"]
    if points:
        number = points[0]["customdata"]
        st.session_state[left_out_key(photo)] = sorted({*left_out(photo)} ^ {number})
        st.session_state[_CLICKED_REGIONS] = st.session_state.get(_CLICKED_REGIONS, 0) + 1


def shows_area() -> bool:
    """Whether the outline of the measured symptoms lies over the photo."""
    return st.session_state.get(SHOW_AREA, False)


def guesses() -> list:
    """The rater's guesses in this session, in order."""
    return st.session_state.setdefault(_GUESSES, [])


def num_leaves_guessed() -> int:
    return len(guesses())


def present_guess():
    """The guess for the leaf that is shown; None before it was made."""
    return st.session_state.get(_PRESENT_GUESS)


def take_guess(guess) -> None:
    guesses().append(guess)
    st.session_state[_PRESENT_GUESS] = guess


def leaf_to_guess() -> str | None:
    """Address of the leaf that is shown to the rater."""
    return st.session_state.get(_LEAF_TO_GUESS)


def set_leaf_to_guess(address: str) -> None:
    st.session_state[_LEAF_TO_GUESS] = address


def next_leaf_to_guess() -> None:
    """The present leaf is done."""
    for key in (_PRESENT_GUESS, _LEAF_TO_GUESS, GUESS):
        st.session_state.pop(key, None)


def forget_guesses() -> None:
    next_leaf_to_guess()
    st.session_state.pop(_GUESSES, None)


def choose_run(name: str) -> None:
    st.session_state[RUN] = name


def next_drawn() -> int:
    """Index from which on drawn leaves have not been shown yet."""
    return st.session_state.get(_NEXT_DRAWN, 0)


def set_next_drawn(index: int) -> None:
    st.session_state[_NEXT_DRAWN] = index


def shows_truth() -> bool:
    """Whether the outline of what was drawn as a symptom lies over a drawn leaf."""
    return st.session_state.get(SHOW_TRUTH, False)


def shows_map() -> bool:
    """Whether the attention map lies over the photo."""
    return st.session_state.get(SHOW_MAP, False)


def set_crop(crop: str) -> None:
    st.session_state[CROP] = crop


def crop_from_menu() -> None:
    """The drop-down of the phone sets the chips, which hold the value."""
    set_crop(st.session_state[CROP_MENU])


def menu_follows_chips() -> None:
    st.session_state[CROP_MENU] = st.session_state[CROP]


def inbox_key() -> str:
    """Key of the uploader. A new one empties it: what was uploaded lives in `photos`."""
    return f"inbox_{st.session_state.get(_INBOX, 0)}"


def inbox() -> list:
    """The files now in the uploader."""
    return st.session_state[inbox_key()]


def empty_inbox() -> None:
    st.session_state[_INBOX] = st.session_state.get(_INBOX, 0) + 1


def folder() -> str:
    """What was typed as a folder of this computer."""
    return st.session_state[FOLDER]


def folder_problem() -> str | None:
    """Why the folder typed last gave no photos."""
    return st.session_state.get(_FOLDER_PROBLEM)


def folder_note() -> str | None:
    """What was passed over in the folder that was read last, in one line."""
    return st.session_state.get(_FOLDER_NOTE)


def set_folder_note(note: str | None) -> None:
    st.session_state[_FOLDER_NOTE] = note


def set_folder_problem(message: str | None) -> None:
    st.session_state[_FOLDER_PROBLEM] = message


def new_sample_of_address() -> str | None:
    """The drawn leaf that the address asks for, once: later the address follows the photo shown large."""
    asked = st.query_params.get(SAMPLE)
    if asked == st.session_state.get(_SAMPLE_SEEN):
        return None
    st.session_state[_SAMPLE_SEEN] = asked
    return asked


def put_sample_into_address(address: str | None) -> None:
    """A drawn leaf can be drawn again from the address; None takes it out."""
    st.session_state[_SAMPLE_SEEN] = address
    if address is not None:
        st.query_params[SAMPLE] = address
    elif SAMPLE in st.query_params:
        del st.query_params[SAMPLE]


def next_sample() -> int:
    """How many test leaves have been shown."""
    return st.session_state.get(_NEXT_SAMPLE, 0)


def count_sample() -> None:
    st.session_state[_NEXT_SAMPLE] = next_sample() + 1


def choose_photo(photo: PhotoFile) -> None:
    """Adds a photo, if it is new, and shows it large."""
    add_photos([photo])
    choose(list(st.session_state[_PHOTOS]).index(photo.key))


def menu_follows_photo() -> None:
    st.session_state[PHOTO] = position()


def photo_from_menu() -> None:
    choose(st.session_state[PHOTO])


def asked_class() -> str | None:
    """The class, in words, that the address or a chip asks for."""
    return st.session_state.get(ASKED, st.query_params.get(ASKED))


def start_question(about: tuple, default: str) -> None:
    """Back to the first question where another photo or run was chosen; what an address asks for stays."""
    if st.session_state.get(_EXPLAINED, about) != about:
        st.session_state[ASKED] = default
    st.session_state[_EXPLAINED] = about


def forget_square() -> None:
    st.session_state[SQUARE] = None


def shows_anyway(photo: PhotoFile) -> bool:
    """Whether the reader asked to see the map of this unfamiliar photo."""
    return photo.key in st.session_state.get(_SHOWN_ANYWAY, set())


def show_anyway(photo: PhotoFile) -> None:
    st.session_state.setdefault(_SHOWN_ANYWAY, set()).add(photo.key)


def photos_folder() -> str:
    """Where the photos of runs that ship without them lie: as typed, else `$HVIT_PHOTOS`; empty for nowhere."""
    return st.session_state.get(_PHOTOS_FOLDER, os.environ.get("HVIT_PHOTOS", ""))


def photos_box_key(place: str) -> str:
    """Key of the box of a gallery that asks for that folder."""
    return f"{place}_photos_folder"


def take_photos_folder(place: str) -> None:
    """What was typed into such a box counts for all galleries."""
    st.session_state[_PHOTOS_FOLDER] = st.session_state[photos_box_key(place)].strip()


def selected_samples() -> frozenset[str]:
    """Ids of the samples selected on a map; they stay when another run or color is chosen."""
    return st.session_state.get(_SELECTED, frozenset())


def select_samples(ids: Iterable[str]) -> None:
    """Selects samples by something else than a map; both are drawn anew then and show them."""
    st.session_state[_SELECTED] = frozenset(ids)
    for which in MAPS:
        _draw_anew(which)


def map_key(which: str) -> str:
    """Key of one of `MAPS`. A new one takes away the line that was drawn on it."""
    return f"{which}_{st.session_state.get(_TIMES_DRAWN, {}).get(which, 0)}"


def select_on_map(which: str, ids: Sequence[str]) -> None:
    """Takes over what was just selected on a map, whose points carry rows of `ids`; the other map shows it too."""
    points = st.session_state[map_key(which)]["selection"]["points"]
    rows = [point["customdata"] for point in points if "customdata" in point]
    st.session_state[_SELECTED] = frozenset(ids[row[0] if isinstance(row, list) else row] for row in rows)
    for other in MAPS:
        if other != which:
            _draw_anew(other)


def selected_when_drawn(which: str) -> frozenset[str]:
    """What was selected when a map was last drawn anew: it is not drawn again because of a line drawn on it."""
    return st.session_state.get(_DRAWN_SELECTED, {}).get(which, frozenset())


def draw_selection() -> None:
    """The maps are about to be drawn anew, with what is selected now."""
    st.session_state[_DRAWN_SELECTED] = dict.fromkeys(MAPS, selected_samples())


def _draw_anew(which: str) -> None:
    st.session_state[_DRAWN_SELECTED] = st.session_state.get(_DRAWN_SELECTED, {}) | {which: selected_samples()}
    times = st.session_state.get(_TIMES_DRAWN, {})
    st.session_state[_TIMES_DRAWN] = times | {which: times.get(which, 0) + 1}


def pointed_leaf() -> dict | None:
    """The map and the row of the leaf that the pointer rested on last; None before it did."""
    return st.session_state.get(POINTED, {}).get("leaf")


def is_refined(photo: PhotoFile) -> bool:
    """Whether the reader asked for a photo's exact place on the map."""
    return photo.key in st.session_state.get(_REFINED, set())


def refine(photo: PhotoFile) -> None:
    st.session_state.setdefault(_REFINED, set()).add(photo.key)


def found_class() -> str | None:
    """The class looked for on a map, if it is one."""
    return st.session_state.get(CLASS)


def keep_among(key: str, options: Sequence) -> None:
    """Back to the first option where what was chosen before is none of these.

    An address from before an option got another title still chooses it.
    """
    renamed = FORMER_TITLES.get(key, {}).get(st.query_params.get(key))
    if renamed in options and key not in st.session_state:
        st.session_state[key] = renamed
    if st.session_state.get(key, options[0]) not in options:
        st.session_state[key] = options[0]


def keep_level(key: str, titles: Mapping[float, str], first: float) -> None:
    """A slider over levels starts at `first`, and goes back there where what was chosen or asked for is no level.

    Args:
        titles: of the levels, as the address carries them.
    """
    asked = st.query_params.get(key) in titles.values()
    if st.session_state.get(key, first) not in titles or (key not in st.session_state and not asked):
        st.session_state[key] = first


def keep_subset(key: str, options: Sequence) -> None:
    """Takes away what was chosen among several and is none of these any more."""
    if key in st.session_state:
        st.session_state[key] = [value for value in st.session_state[key] if value in options]


def show_cell(true: str, called: str) -> None:
    """Chooses a cell of the confusion matrix: photos of one class that were called another."""
    st.session_state[TRUE_CLASS], st.session_state[CALLED] = true, called


def take_clicked_cell() -> None:
    """The cell of the matrix that was clicked is the chosen one; its classes travel with the point."""
    points = st.session_state[MATRIX]["selection"]["points"]
    if points:
        show_cell(*points[0]["customdata"])


def choose_ways(names: Sequence[str]) -> None:
    """Puts these ways of training side by side."""
    st.session_state[WAYS] = list(names)


def batch_inbox_key() -> str:
    """Key of the uploader of the Batch page; a new one empties it."""
    return f"batch_inbox_{st.session_state.get(_BATCH_INBOX, 0)}"


def empty_batch_inbox() -> None:
    st.session_state[_BATCH_INBOX] = st.session_state.get(_BATCH_INBOX, 0) + 1
    st.session_state.pop(BATCH_FOLDER, None)


def choose_batch(name: str | None) -> None:
    """Shows this batch; None for the newest."""
    st.query_params.pop(BATCH, None)
    st.session_state.pop(BATCH, None)
    if name is not None:
        st.session_state[BATCH] = name


def note_on_batch(note: str | None) -> None:
    """A sentence for the next run of the page, such as what was left out of an upload."""
    st.session_state[_BATCH_NOTE] = note


def take_note_on_batch() -> str | None:
    return st.session_state.pop(_BATCH_NOTE, None)


def batch_order(key: str, paths: Sequence[str]) -> list[str]:
    """Paths of the photos in a table, in the order in which they stand: while rows are selected, none moves.

    Args:
        key: of the table; another for other filters.
        paths: the order without that.
    """
    kept = st.session_state.get(_BATCH_ORDERS, {})
    selected = st.session_state.get(key, {}).get("selection", {}).get("rows", [])
    order = kept[key] if selected and key in kept else list(paths)
    st.session_state[_BATCH_ORDERS] = {key: order}
    st.session_state[_BATCH_SELECTED] = bool(selected)
    return order


def batch_rows_are_selected() -> bool:
    """Whether rows of the table were selected when it was drawn last."""
    return st.session_state.get(_BATCH_SELECTED, False)


def opened_photo() -> str | None:
    """Path of the photo of a batch that is shown large."""
    return st.session_state.get(_BATCH_OPENED)


def open_photo(path: str | None) -> None:
    st.session_state[_BATCH_OPENED] = path


def scores_seen() -> int | None:
    """How many photos had scores when the page was drawn last."""
    return st.session_state.get(_BATCH_DONE)


def set_scores_seen(count: int) -> None:
    st.session_state[_BATCH_DONE] = count


def reviewer() -> str:
    """Name of the person who reviews; empty before it was typed."""
    return st.session_state.get(REVIEWER, "").strip()


def photo_to_review() -> str | None:
    """Path of the photo whose turn it is before all others, as one whose decision was undone."""
    return st.session_state.get(_TO_REVIEW)


def review_photo(path: str | None) -> None:
    st.session_state[_TO_REVIEW] = path


def skipped_photos() -> frozenset[str]:
    """Paths of photos that the reviewer put off; they come last."""
    return st.session_state.get(_SKIPPED, frozenset())


def skip_photo(path: str) -> None:
    st.session_state[_SKIPPED] = skipped_photos() | {path}
    review_photo(None)


def sheet_inbox_key() -> str:
    """Key of the uploader of a trial's sheet; a new one empties it."""
    return f"sheet_inbox_{st.session_state.get(_SHEET_INBOX, 0)}"


def empty_sheet_inbox() -> None:
    st.session_state[_SHEET_INBOX] = st.session_state.get(_SHEET_INBOX, 0) + 1
