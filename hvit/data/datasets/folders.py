"""Finds the photos in a folder tree, and reports what is skipped."""

import os
import stat
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from hvit.data.photos import SUFFIXES

# Files and folders of archives, NAS, cameras and desktops; names with a leading dot are skipped as well.
LEFTOVERS = frozenset({
    "__macosx", "@eadir", "@recycle", "#recycle", "#snapshot", "@recently-snapshot", "@tmp", "$recycle.bin",
    "system volume information", "lost+found", "network trash folder", "temporary items", "__pycache__",
    "thumbs.db", "thumbs.db:encryptable", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", "picasa.ini",
    "zbthumbnail.info",
})  # fmt: skip
BANDS = (".npy",)  # a file of bands belongs to its photo, see `hvit.data.spectral`
LEFTOVER = "hidden or left by another program"
NOT_A_PHOTO = "no photo by its ending"
DEAD_LINK = "a link to nothing, or to itself"
LOOP = "a link back to a folder above"
READ_ALREADY = "a link to a folder that is read already"
NOT_REGULAR = "neither file nor folder"
NOT_OPENED = "cannot be opened"
MAP = "maps written by hvit explain"
MASK = "masks of the photos beside them"
MASKS = "masks"  # name of the folder of masks
NOT_UTF8 = "its name is not UTF-8: rename it"
FEW, MANY = 3, 10  # names given as examples
MANY_OF = frozenset({DEAD_LINK, LOOP, READ_ALREADY, NOT_OPENED})


class DataError(ValueError):
    """A data set is missing, damaged or not of the expected form; the message says what to do."""


@dataclass(frozen=True)
class Listing:
    """Contents of a folder tree.

    Attributes:
        folder: the root, as given.
        photos: paths of the photos, sorted.
        folders: paths of all searched subfolders, sorted.
        passed_over: skipped paths relative to `folder`, by reason.
    """

    folder: Path
    photos: list[Path]
    folders: list[Path]
    passed_over: dict[str, list[str]] = field(default_factory=dict)

    def relative(self, path: Path) -> tuple[str, ...]:
        """Parts of a path relative to the folder."""
        return path.relative_to(self.folder).parts

    @property
    def note(self) -> str | None:
        """One line that lists what was skipped and why; None where nothing was."""
        return describe(self.folder, self.passed_over)


def without_derived(listing: Listing) -> Listing:
    """The listing without pictures that were made from photos: maps of `hvit explain`, and masks.

    A map is `leaf.rollout.png` next to `leaf.rollout.npy` and `leaf.rollout.json`; masks are in a folder of that name
    next to a folder of photos.
    """
    derived: dict[str, list[str]] = {MAP: [], MASK: []} | {
        reason: list(names) for reason, names in listing.passed_over.items()
    }
    photos, mask_folders = [], _mask_folders(listing)
    for path in listing.photos:
        reason = MAP if _is_map(path) else MASK if path.parent in mask_folders else None
        if reason is None:
            photos.append(path)
        else:
            derived[reason].append(path.relative_to(listing.folder).as_posix())
    return replace(listing, photos=photos, passed_over={reason: names for reason, names in derived.items() if names})


def _is_map(path: Path) -> bool:
    named_by_method = path.suffix == ".png" and "." in path.stem
    return named_by_method and all(path.with_suffix(ending).is_file() for ending in (".npy", ".json"))


def _mask_folders(listing: Listing) -> set[Path]:
    """Folders named masks that lie in or beside a folder of photos."""
    folders = {path.parent for path in listing.photos}
    named = {folder for folder in folders if folder != listing.folder and folder.name.lower() == MASKS}
    others = folders - named
    return {folder for folder in named if any(other.is_relative_to(folder.parent) for other in others)}


def hint_if_not_shipped(place: Path) -> str:
    """Hint for a missing folder below `data/`, where commands of the documents look for photos; "" for any other."""
    if place.parts[:1] != ("data",) or Path("data").is_dir():
        return ""
    return (
        "; the photos in data/ do not come with the code (README, Data sets). Name a folder of yours, or rendered "
        "leaves, which need no files: leafsim:v1/7/0-1999"
    )


def clean_name(name: str) -> str:
    """Normalizes a name for comparison: Unicode NFC (macOS writes NFD), stripped."""
    return unicodedata.normalize("NFC", name).strip()


def is_leftover(name: str) -> bool:
    """Whether a file or folder is hidden, or created by archives, NAS or desktops."""
    return name.startswith(".") or not LEFTOVERS.isdisjoint((name.casefold(), clean_name(name).casefold()))


def describes_data_set(name: str) -> bool:
    """Whether a file at the root of a data set documents it: README.md, manifest.csv, truth.csv."""
    return name.lower() in ("manifest.csv", "truth.csv") or name.lower().partition(".")[0] == "readme"


def find_photos(folder: Path) -> list[Path]:
    """Sorted paths of the photos in a folder tree; see `list_photos`."""
    return list_photos(folder).photos


def list_photos(folder: Path) -> Listing:
    """Searches a folder tree for files with a photo's extension, in any case.

    Each real folder is read once: links to folders are followed after all real folders, and skipped where they lead
    to a parent or to a folder that was read. `leaf.bands.tif` is no photo: it holds the bands of `leaf.jpg`. A README
    and a manifest.csv at the root belong to the data set, and are not reported as skipped.

    Raises:
        OSError: the folder itself cannot be opened.
    """
    return _Search(Path(folder)).run()


class _Search:
    """Breadth-first search of a folder tree, in an order independent of the file system."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._photos: list[Path] = []
        self._folders: list[Path] = []
        self._links: list[Path] = []
        self._passed_over: dict[str, list[str]] = {}
        root = os.path.realpath(folder)
        self._above = {str(parent) for parent in Path(root).parents}
        self._read = {root}

    def run(self) -> Listing:
        due = self._entries_of(self._folder)
        while due or self._links:
            due = [deeper for folder in due for deeper in self._search(folder)]
            if not due and self._links:
                due = self._followed(self._links.pop(0))
        passed_over = {reason: sorted(names) for reason, names in sorted(self._passed_over.items())}
        key = lambda path: path.parts  # noqa: E731
        return Listing(self._folder, sorted(self._photos, key=key), sorted(self._folders, key=key), passed_over)

    def _search(self, folder: Path) -> list[Path]:
        self._folders.append(folder)
        try:
            return self._entries_of(folder)
        except OSError:
            self._folders.pop()
            self._pass_over(folder, NOT_OPENED)
            return []

    def _entries_of(self, folder: Path) -> list[Path]:
        """Classifies the entries of a folder as photos, links and skipped files; returns its subfolders."""
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        folders = []
        for entry in found:
            path = folder / entry.name
            if is_leftover(entry.name):
                self._pass_over(path, LEFTOVER)
            elif not _is_utf8(entry.name):
                self._pass_over(path, NOT_UTF8)
            elif (mode := _mode(entry)) is None:
                self._pass_over(path, DEAD_LINK if entry.is_symlink() else NOT_OPENED)
            elif stat.S_ISDIR(mode):
                folders += self._folder_or_link(path)
            elif not stat.S_ISREG(mode):
                self._pass_over(path, NOT_REGULAR)
            else:
                self._file(path)
        return folders

    def _folder_or_link(self, path: Path) -> list[Path]:
        """The folder, if it is a real one; a link (or a junction of Windows) waits until all real ones are read."""
        target = os.path.realpath(path)
        if target != os.path.join(os.path.realpath(path.parent), path.name):
            self._links.append(path)
            return []
        if target in self._read:  # through a link that was followed
            self._pass_over(path, READ_ALREADY)
            return []
        self._read.add(target)
        return [path]

    def _followed(self, link: Path) -> list[Path]:
        target = os.path.realpath(link)
        if target in self._above or Path(os.path.realpath(link.parent)).is_relative_to(target):
            self._pass_over(link, LOOP)
        elif target in self._read:
            self._pass_over(link, READ_ALREADY)
        else:
            self._read.add(target)
            return [link]
        return []

    def _file(self, path: Path) -> None:
        suffix = path.suffix.lower()
        if path.stem.lower().endswith(".bands") or suffix in BANDS:
            return
        if suffix in SUFFIXES:
            self._photos.append(path)
        elif path.parent != self._folder or not describes_data_set(path.name):
            self._pass_over(path, NOT_A_PHOTO)

    def _pass_over(self, path: Path, reason: str) -> None:
        self._passed_over.setdefault(reason, []).append(path.relative_to(self._folder).as_posix())


def _mode(entry: os.DirEntry[str]) -> int | None:
    """File mode of an entry, following links; None for dead links and unreadable entries."""
    try:
        if not entry.is_symlink():  # without another call to the disk
            if entry.is_file():
                return stat.S_IFREG
            if entry.is_dir():
                return stat.S_IFDIR
        return entry.stat().st_mode
    except OSError:
        return None


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:  # bytes that Python keeps as surrogates: no table and no JSON could hold them
        return False
    return True


def describe(folder: Path, passed_over: dict[str, list[str]]) -> str | None:
    """One line on skipped files: `my-photos: passed over 2 (no photo by its ending: a.txt, b.csv)`; None for none."""
    if not passed_over:
        return None
    reasons = [f"{len(names)} ({reason}: {_few(names, reason)})" for reason, names in passed_over.items()]
    return printable(f"{folder}: passed over {'; '.join(reasons)}")


def _few(names: list[str], reason: str) -> str:
    most = MANY if reason in MANY_OF else FEW
    return listed(names, most)


def listed(names: Iterable[str], most: int = FEW) -> str:
    """Joins the first names: `a, b, c and 4 more`.

    >>> listed(["a", "b", "c", "d"], most=2)
    'a, b and 2 more'
    """
    names = list(names)
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def printable(line: str) -> str:
    """Escapes line breaks and undecodable bytes, for one line on any console."""
    return "".join(
        letter if letter.isprintable() and not "\ud800" <= letter <= "\udfff" else ascii(letter)[1:-1]
        for letter in line
    )
