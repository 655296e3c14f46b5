"""What a file is by its first bytes: a format that is read, or what it is instead and what to do."""

import io
import struct

import pytest
from PIL import Image

from hvit.data.image_formats.file_kinds import format_of
from hvit.data.invalid_photo import InvalidPhotoError
from hvit.data.photos import decode_photo


def tiff(order="<", **tags):
    """The first directory of a TIFF; `tags` are t<number>=text, or whole number."""
    entries, body, at = b"", b"", 10 + 12 * len(tags) + 4
    for name, value in sorted(tags.items(), key=lambda item: int(item[0][1:])):
        if isinstance(value, str):
            text = value.encode() + b"\0"
            place = at + len(body) if len(text) > 4 else None
            inline = struct.pack(f"{order}I", place) if place else text.ljust(4, b"\0")
            entries += struct.pack(f"{order}HHI", int(name[1:]), 2, len(text)) + inline
            body += text if place else b""
        else:
            entries += struct.pack(f"{order}HHII", int(name[1:]), 4, 1, value)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags))
    return head + entries + bytes(4) + body


def refusal(data):
    with pytest.raises(InvalidPhotoError) as caught:
        decode_photo(data)
    return str(caught.value)


def ftyp(major, *others):
    brands = b"".join(others)
    return struct.pack(">I4s4sI", 16 + len(brands), b"ftyp", major, 0) + brands + bytes(100)


def saved(kind):
    out = io.BytesIO()
    Image.new("RGB", (64, 64)).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF"])
def test_formats_are_recognized_by_content(kind):
    assert format_of(saved(kind)) == kind


@pytest.mark.parametrize(
    ("major", "others", "kind"),
    [
        (b"heic", [], "HEIF"), (b"heix", [b"mif1"], "HEIF"), (b"mif1", [b"heic"], "HEIF"), (b"mif1", [], "HEIF"),
        (b"msf1", [b"hevc"], "HEIF"), (b"avif", [b"mif1"], "AVIF"), (b"mif1", [b"miaf", b"avif"], "AVIF"),
        (b"avis", [], "AVIF"),
    ],
)  # fmt: skip
def test_heif_and_avif_are_recognized_by_their_brands(major, others, kind):
    assert format_of(ftyp(major, *others)) == kind


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("tags", "kind"),
    [
        ({"t254": 1, "t271": "NIKON CORPORATION", "t330": 500}, "NEF"),
        ({"t254": 1, "t271": "SONY", "t330": 500}, "ARW"),
        ({"t254": 1, "t271": "SAMSUNG", "t330": 500}, "SRW"),
        ({"t259": 65535, "t271": "PENTAX Corporation"}, "PEF"),
        ({"t259": 34713, "t271": "NIKON"}, "NEF"),
        ({"t254": 1, "t271": "Google", "t50706": 0x01040000}, "DNG"),
        ({"t254": 0, "t271": "Apple", "t50706": 0x01040000}, "DNG"),
        ({"t262": 32803, "t271": "Hasselblad"}, "3FR"),
        ({"t259": 32767}, "ARW"),
    ],
)
def test_camera_raw_is_named_with_what_to_do(tags, kind, order):
    assert refusal(tiff(order, t256=160, t257=120, **tags)) == f"it is a camera raw file ({kind}). Export it as JPEG."


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"II*\0\x10\0\0\0CR\2\0" + bytes(100), "CR2"), (ftyp(b"crx ", b"crx ", b"isom"), "CR3"),
        (b"FUJIFILMCCD-RAW 0201" + bytes(100), "RAF"), (b"IIRO\10\0\0\0" + bytes(100), "ORF"),
        (b"IIU\0\x18\0\0\0" + bytes(100), "RW2"), (b"FOVb" + bytes(100), "X3F"), (b"\0MRM" + bytes(100), "MRW"),
    ],
)  # fmt: skip
def test_camera_raw_that_is_no_tiff_is_named_too(data, kind):
    assert refusal(data) == f"it is a camera raw file ({kind}). Export it as JPEG."


def test_a_preview_of_an_unknown_camera_is_not_taken_for_the_photo():
    assert "only a small preview" in refusal(tiff(t254=1, t256=160, t257=120, t271="Nobody", t330=500))


def test_tiffs_of_cameras_and_scanners_that_are_no_raw_are_read():
    out = io.BytesIO()
    tags = {271: "NIKON CORPORATION", 272: "NIKON D850", 254: 0}
    Image.new("RGB", (80, 64), (9, 99, 9)).save(out, "TIFF", tiffinfo=tags)
    assert decode_photo(out.getvalue()).pixels[0, 0].tolist() == [9, 99, 9]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (ftyp(b"mp42", b"isom"), "it is a film"), (ftyp(b"qt  "), "it is a film"),
        (b"PK\3\4" + bytes(90), "a ZIP archive"),
        (b"8BPS\0\1" + bytes(90), "a Photoshop file"), (b"\xff\x0a" + bytes(90), "a JPEG XL picture"),
        (b"%PDF-1.4 " + bytes(90), "a PDF"), (b"RIFF\0\0\0\0AVI " + bytes(90), "a film or a sound"),
        (ftyp(b"????"), "not a picture I can read"), (b"\xff\xfe" + bytes(90), "not a picture I can read"),
    ],
)  # fmt: skip
def test_what_else_people_have_is_named(data, words):
    assert words in refusal(data) and "Choose a JPEG, PNG, WebP or HEIC." in refusal(data)


def test_cut_and_changed_directories_are_refused_with_a_sentence():
    whole = tiff(t254=1, t256=160, t257=120, t271="NIKON CORPORATION", t330=500)
    for length in range(4, len(whole)):
        assert refusal(whole[:length]).endswith(".")
