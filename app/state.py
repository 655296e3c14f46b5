"""What a session remembers between reruns and pages; the only file that names keys of `st.session_state`.

Of the choices that several pages share, `app.query_params` keeps the values.
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
_LEAVES_FROM = "_leaves_from"
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
_REVIEWER = "_reviewer"
_OPENED_TILE = "_opened_tile"
_SHEET_INBOX = "_sheet_inbox"


def photos() -> list[PhotoFile]:
    """The photos of the session in order; they survive a change of page."""
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
    """Removes all photos."""
    for key in (_PHOTOS, _COPIES, _POSITION, _CUTS, _INSISTED, _CUTTING, FOLDER, _FOLDER_PROBLEM, _FOLDER_NOTE):
        st.session_state.pop(key, None)


def position() -> int:
    """Index of the photo shown large."""
    return st.session_state.get(_POSITION, 0)


def choose(index: int) -> None:
    """Shows photo number `index` large."""
    st.session_state[_POSITION] = index
    stop_cutting()


def step(by: int) -> None:
    """Chooses the next photo (1) or the one before (-1), around the ends."""
    choose((position() + by) % len(photos()))


def cut(photo: PhotoFile) -> Box | None:
    """Crop box of a photo; None for the full photo."""
    return st.session_state.get(_CUTS, {}).get(photo.key)


def cut_chosen(box: Box | None) -> None:
    """Sets the crop box of the photo shown large; None removes it."""
    st.session_state.setdefault(_CUTS, {})[photos()[position()].key] = box
    stop_cutting()


def is_cutting() -> bool:
    """Whether the crop sliders are open."""
    return st.session_state.get(_CUTTING, False)


def start_cutting() -> None:
    """Opens the crop sliders."""
    st.session_state[_CUTTING] = True


def stop_cutting() -> None:
    """Closes the crop sliders."""
    for key in (_CUTTING, CUT_X, CUT_Y):
        st.session_state.pop(key, None)


def has_box() -> bool:
    """Whether the crop sliders were set since they were opened."""
    return CUT_X in st.session_state


def put_box(box: Box) -> None:
    """Sets the crop sliders to `box`."""
    st.session_state[CUT_X] = (round(100 * box[0]), round(100 * box[2]))
    st.session_state[CUT_Y] = (round(100 * box[1]), round(100 * box[3]))


def box() -> Box:
    """Current box of the crop sliders."""
    (left, right), (top, bottom) = st.session_state[CUT_X], st.session_state[CUT_Y]
    return left / 100, top / 100, right / 100, bottom / 100


def leaf_is_confirmed() -> bool:
    """Whether the user confirmed that the unfamiliar photo shown large is a leaf."""
    return position() in st.session_state.get(_INSISTED, set())


def confirm_leaf() -> None:
    """Confirms that the unfamiliar photo shown large is a leaf."""
    st.session_state.setdefault(_INSISTED, set()).add(position())


def corrected_areas() -> dict[tuple[str, str], float]:
    """Lesion shares that the reader corrected, by photo and model."""
    return st.session_state.setdefault(_AREAS, {})


def correct_area(photo: str, model: str, share: float | None) -> None:
    """Stores a corrected lesion share; None restores the measured one."""
    if share is None:
        corrected_areas().pop((photo, model), None)
    else:
        corrected_areas()[(photo, model)] = share


def area_level_key(photo: str) -> str:
    """Key of the symptom probability that the reader chose for a photo."""
    return f"{AREA_LEVEL}_{photo}"


def area_level(photo: str, own: float) -> float:
    """Symptom probability that the reader chose for a photo; that of the run where none was chosen."""
    return st.session_state.get(area_level_key(photo), own)


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
    """Guesses of the rater in this session, in order."""
    return st.session_state.setdefault(_GUESSES, [])


def leaves_from(first: int) -> int:
    """Number of the first leaf of this session's guesses: `first`, where none was kept yet."""
    return st.session_state.setdefault(_LEAVES_FROM, first)


def present_guess():
    """Guess for the current leaf; None before it was made."""
    return st.session_state.get(_PRESENT_GUESS)


def take_guess(guess) -> None:
    """Stores a guess; a second click on the button before the page answers is not another guess."""
    if present_guess() is not None:
        return
    guesses().append(guess)
    st.session_state[_PRESENT_GUESS] = guess


def leaf_to_guess() -> str | None:
    """Address of the current leaf."""
    return st.session_state.get(_LEAF_TO_GUESS)


def set_leaf_to_guess(address: str) -> None:
    """Sets the current leaf."""
    st.session_state[_LEAF_TO_GUESS] = address


def next_leaf_to_guess() -> None:
    """Advances to the next leaf."""
    for key in (_PRESENT_GUESS, _LEAF_TO_GUESS, GUESS):
        st.session_state.pop(key, None)


def forget_guesses() -> None:
    """Removes all guesses."""
    next_leaf_to_guess()
    for key in (_GUESSES, _LEAVES_FROM):
        st.session_state.pop(key, None)


def choose_run(name: str) -> None:
    """Selects the run of this name."""
    st.session_state[RUN] = name


def next_drawn() -> int:
    """Index of the first rendered leaf that was not shown yet."""
    return st.session_state.get(_NEXT_DRAWN, 0)


def set_next_drawn(index: int) -> None:
    """Sets the index of the first rendered leaf that was not shown yet."""
    st.session_state[_NEXT_DRAWN] = index


def shows_truth() -> bool:
    """Whether the outline of the true symptoms is shown on a rendered leaf."""
    return st.session_state.get(SHOW_TRUTH, False)


def shows_map() -> bool:
    """Whether the attention map lies over the photo."""
    return st.session_state.get(SHOW_MAP, False)


def set_crop(crop: str) -> None:
    """Selects a crop."""
    st.session_state[CROP] = crop


def crop_from_menu() -> None:
    """Copies the drop-down of the phone to the chips, which hold the value."""
    set_crop(st.session_state[CROP_MENU])


def menu_follows_chips() -> None:
    """Copies the chips to the drop-down of the phone."""
    st.session_state[CROP_MENU] = st.session_state[CROP]


def inbox_key() -> str:
    """Key of the uploader. A new key empties it; uploads are stored in `photos`."""
    return f"inbox_{st.session_state.get(_INBOX, 0)}"


def inbox() -> list:
    """Files in the uploader."""
    return st.session_state[inbox_key()]


def empty_inbox() -> None:
    """Empties the uploader."""
    st.session_state[_INBOX] = st.session_state.get(_INBOX, 0) + 1


def folder() -> str:
    """Text of the folder field."""
    return st.session_state[FOLDER]


def folder_problem() -> str | None:
    """Error of the last folder."""
    return st.session_state.get(_FOLDER_PROBLEM)


def folder_note() -> str | None:
    """Note on skipped files of the last folder."""
    return st.session_state.get(_FOLDER_NOTE)


def set_folder_note(note: str | None) -> None:
    """Sets the note on skipped files."""
    st.session_state[_FOLDER_NOTE] = note


def set_folder_problem(message: str | None) -> None:
    """Sets the error of the last folder."""
    st.session_state[_FOLDER_PROBLEM] = message


def new_sample_of_address() -> str | None:
    """Rendered leaf in the query parameters, once: afterwards the address follows the photo shown large."""
    asked = st.query_params.get(SAMPLE)
    if asked == st.session_state.get(_SAMPLE_SEEN):
        return None
    st.session_state[_SAMPLE_SEEN] = asked
    return asked


def put_sample_into_address(address: str | None) -> None:
    """Writes a rendered leaf to the query parameters; None removes it."""
    st.session_state[_SAMPLE_SEEN] = address
    if address is not None:
        st.query_params[SAMPLE] = address
    elif SAMPLE in st.query_params:
        del st.query_params[SAMPLE]


def next_sample() -> int:
    """Number of test leaves shown."""
    return st.session_state.get(_NEXT_SAMPLE, 0)


def count_sample() -> None:
    """Counts a shown test leaf."""
    st.session_state[_NEXT_SAMPLE] = next_sample() + 1


def choose_photo(photo: PhotoFile) -> None:
    """Adds a photo if it is new, and shows it large."""
    add_photos([photo])
    choose(list(st.session_state[_PHOTOS]).index(photo.key))


def menu_follows_photo() -> None:
    """Sets the photo menu to the photo shown large."""
    st.session_state[PHOTO] = position()


def photo_from_menu() -> None:
    """Shows the photo of the menu large."""
    choose(st.session_state[PHOTO])


def asked_class() -> str | None:
    """Class to explain, from query parameter or chip."""
    return st.session_state.get(ASKED, st.query_params.get(ASKED))


def reset_asked_class(about: tuple, default: str) -> None:
    """Resets the question where another photo or run was chosen; a query parameter is kept."""
    if st.session_state.get(_EXPLAINED, about) != about:
        st.session_state[ASKED] = default
    st.session_state[_EXPLAINED] = about


def forget_square() -> None:
    """Clears the selected square."""
    st.session_state[SQUARE] = None


def is_shown_anyway(photo: PhotoFile) -> bool:
    """Whether the user asked for the map of this unfamiliar photo."""
    return photo.key in st.session_state.get(_SHOWN_ANYWAY, set())


def show_anyway(photo: PhotoFile) -> None:
    """Shows the map of an unfamiliar photo."""
    st.session_state.setdefault(_SHOWN_ANYWAY, set()).add(photo.key)


def photos_folder() -> str:
    """Folder with the photos of runs that ship without them: as typed, else `$HVIT_PHOTOS`; empty for none."""
    return st.session_state.get(_PHOTOS_FOLDER, os.environ.get("HVIT_PHOTOS", ""))


def photos_box_key(place: str) -> str:
    """Key of the photo folder box of a gallery."""
    return f"{place}_photos_folder"


def take_photos_folder(place: str) -> None:
    """Stores the photo folder typed in one gallery for all galleries."""
    st.session_state[_PHOTOS_FOLDER] = st.session_state[photos_box_key(place)].strip()


def selected_samples() -> frozenset[str]:
    """Ids of the samples selected on a map; kept when another run or color is chosen."""
    return st.session_state.get(_SELECTED, frozenset())


def select_samples(ids: Iterable[str]) -> None:
    """Selects samples by id; both maps are redrawn."""
    st.session_state[_SELECTED] = frozenset(ids)
    for which in MAPS:
        _draw_anew(which)


def map_key(which: str) -> str:
    """Key of one of `MAPS`. A new key removes the lasso drawn on it."""
    return f"{which}_{st.session_state.get(_TIMES_DRAWN, {}).get(which, 0)}"


def select_on_map(which: str, ids: Sequence[str]) -> None:
    """Takes over the selection of a map, whose points carry rows of `ids`; the other map is redrawn."""
    points = st.session_state[map_key(which)]["selection"]["points"]
    rows = [point["customdata"] for point in points if "customdata" in point]
    st.session_state[_SELECTED] = frozenset(ids[row[0] if isinstance(row, list) else row] for row in rows)
    for other in MAPS:
        if other != which:
            _draw_anew(other)


def selected_when_drawn(which: str) -> frozenset[str]:
    """The selection when a map was last redrawn: its own lasso does not redraw it."""
    return st.session_state.get(_DRAWN_SELECTED, {}).get(which, frozenset())


def draw_selection() -> None:
    """Marks the maps as redrawn with the current selection."""
    st.session_state[_DRAWN_SELECTED] = dict.fromkeys(MAPS, selected_samples())


def _draw_anew(which: str) -> None:
    st.session_state[_DRAWN_SELECTED] = st.session_state.get(_DRAWN_SELECTED, {}) | {which: selected_samples()}
    times = st.session_state.get(_TIMES_DRAWN, {})
    st.session_state[_TIMES_DRAWN] = times | {which: times.get(which, 0) + 1}


def pointed_leaf() -> dict | None:
    """Map and row of the sample under the pointer; None before there was one."""
    return st.session_state.get(POINTED, {}).get("leaf")


def is_refined(photo: PhotoFile) -> bool:
    """Whether the exact position of a photo on the map was requested."""
    return photo.key in st.session_state.get(_REFINED, set())


def refine(photo: PhotoFile) -> None:
    """Requests the exact position of a photo on the map."""
    st.session_state.setdefault(_REFINED, set()).add(photo.key)


def found_class() -> str | None:
    """Class searched for on a map, if it exists."""
    return st.session_state.get(CLASS)


def keep_among(key: str, options: Sequence) -> None:
    """Resets a choice to the first option if it is not among the options.

    An address from before an option got another title still chooses it.
    """
    renamed = FORMER_TITLES.get(key, {}).get(st.query_params.get(key))
    if renamed in options and key not in st.session_state:
        st.session_state[key] = renamed
    if st.session_state.get(key, options[0]) not in options:
        st.session_state[key] = options[0]


def keep_level(key: str, titles: Mapping[float, str], first: float) -> None:
    """Resets a slider over levels to `first` if its value is not a level.

    Args:
        titles: of the levels, as the address carries them.
    """
    asked = st.query_params.get(key) in titles.values()
    if st.session_state.get(key, first) not in titles or (key not in st.session_state and not asked):
        st.session_state[key] = first


def keep_subset(key: str, options: Sequence) -> None:
    """Removes chosen values that are no longer options."""
    if key in st.session_state:
        st.session_state[key] = [value for value in st.session_state[key] if value in options]


def show_cell(true: str, called: str) -> None:
    """Selects a cell of the confusion matrix: photos of one class predicted as another."""
    st.session_state[TRUE_CLASS], st.session_state[CALLED] = true, called


def take_clicked_cell() -> None:
    """Selects the clicked cell of the confusion matrix; its classes are in the point's data."""
    points = st.session_state[MATRIX]["selection"]["points"]
    if points:
        show_cell(*points[0]["customdata"])


def choose_groups(names: Sequence[str]) -> None:
    """Selects these seed groups for comparison."""
    st.session_state[COMPARED_GROUPS] = list(names)


def batch_inbox_key() -> str:
    """Key of the uploader of the Batch page; a new key empties it."""
    return f"batch_inbox_{st.session_state.get(_BATCH_INBOX, 0)}"


def empty_batch_inbox() -> None:
    """Empties the uploader of the Batch page."""
    st.session_state[_BATCH_INBOX] = st.session_state.get(_BATCH_INBOX, 0) + 1
    st.session_state.pop(BATCH_FOLDER, None)


def choose_batch(name: str | None) -> None:
    """Selects a batch; None for the newest."""
    st.query_params.pop(BATCH, None)
    st.session_state.pop(BATCH, None)
    if name is not None:
        st.session_state[BATCH] = name


def note_on_batch(note: str | None) -> None:
    """Stores a note for the next rerun, such as skipped uploads."""
    st.session_state[_BATCH_NOTE] = note


def take_note_on_batch() -> str | None:
    """Returns the note and clears it."""
    return st.session_state.pop(_BATCH_NOTE, None)


def batch_order(key: str, paths: Sequence[str]) -> list[str]:
    """Photo paths of a table in display order: while rows are selected, the order is kept.

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
    """Whether rows of the table were selected on the last run."""
    return st.session_state.get(_BATCH_SELECTED, False)


def opened_photo() -> str | None:
    """Path of the opened photo of a batch."""
    return st.session_state.get(_BATCH_OPENED)


def open_photo(path: str | None) -> None:
    """Opens a photo of a batch."""
    st.session_state[_BATCH_OPENED] = path


def scores_seen() -> int | None:
    """Number of scored photos on the last run."""
    return st.session_state.get(_BATCH_DONE)


def set_scores_seen(count: int) -> None:
    """Stores the number of scored photos."""
    st.session_state[_BATCH_DONE] = count


def reviewer() -> str:
    """Name of the reviewer; empty before it was typed."""
    if REVIEWER in st.session_state:  # the field of the Batch page, which goes with that page
        st.session_state[_REVIEWER] = st.session_state[REVIEWER].strip()
    return st.session_state.get(_REVIEWER, "")


def take_reviewer(key: str) -> None:
    """Stores the name typed into the widget of this key."""
    st.session_state[_REVIEWER] = st.session_state[key].strip()


def photo_to_review() -> str | None:
    """Path of the photo to review next, before all others."""
    return st.session_state.get(_TO_REVIEW)


def review_photo(path: str | None) -> None:
    """Sets the photo to review next."""
    st.session_state[_TO_REVIEW] = path


def skipped_photos() -> tuple[str, ...]:
    """Paths of photos that the reviewer skipped, in that order; they come last."""
    return st.session_state.get(_SKIPPED, ())


def skip_photo(path: str) -> None:
    """Skips a photo."""
    st.session_state[_SKIPPED] = (*(other for other in skipped_photos() if other != path), path)
    review_photo(None)


def unskip_photo() -> None:
    """Goes back to the photo that was skipped last."""
    *before, last = skipped_photos()
    st.session_state[_SKIPPED] = tuple(before)
    review_photo(last)


def opened_tile(gallery: str) -> int | None:
    """Number of the tile of a gallery that is opened; None where none is."""
    found = st.session_state.get(_OPENED_TILE)
    return found[1] if found is not None and found[0] == gallery else None


def open_tile(gallery: str, number: int) -> None:
    """Opens a tile of a gallery."""
    st.session_state[_OPENED_TILE] = (gallery, number)


def close_tile() -> None:
    """Closes the opened tile."""
    st.session_state.pop(_OPENED_TILE, None)


def sheet_inbox_key() -> str:
    """Key of the uploader of a trial's sheet; a new key empties it."""
    return f"sheet_inbox_{st.session_state.get(_SHEET_INBOX, 0)}"


def empty_sheet_inbox() -> None:
    """Empties the uploader of a trial's sheet."""
    st.session_state[_SHEET_INBOX] = st.session_state.get(_SHEET_INBOX, 0) + 1
