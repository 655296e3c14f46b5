"""HEIC, HEIF and AVIF: read like any photo, and refused where their parts are larger or more than they tell."""

import hashlib
import io
import struct

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from hvit.data.image_formats.decoding_work import DecodingWork
from hvit.data.image_formats.heif_boxes import heif_work
from hvit.data.image_formats.video_headers import av1_pictures, hevc_pictures, hevc_sides_of_config
from hvit.data.photos import InvalidPhotoError, decode_photo

RNG = np.random.default_rng(0)
SMOOTH = Image.fromarray(RNG.integers(0, 256, (5, 6, 3), dtype=np.uint8)).resize((160, 128), Image.Resampling.BICUBIC)


def heic(image=SMOOTH, **options):
    out = io.BytesIO()
    pillow_heif.from_pillow(image).save(out, **({"quality": 90} | options))
    return out.getvalue()


def avif(image=SMOOTH, **options):
    out = io.BytesIO()
    image.save(out, "AVIF", **({"quality": 90, "speed": 8} | options))
    return out.getvalue()


def refusal(data):
    with pytest.raises(InvalidPhotoError) as caught:
        decode_photo(data)
    return str(caught.value)


def far_from(pixels, image=SMOOTH):
    return np.abs(pixels.astype(int) - np.asarray(image.convert("RGB"))).mean()


@pytest.mark.parametrize("make", [heic, avif])
def test_they_are_read_like_any_photo(make):
    data = make()
    photo = decode_photo(data)
    assert photo.pixels.shape == (128, 160, 3) and far_from(photo.pixels) < 6
    assert photo.sha256 == hashlib.sha256(data).hexdigest() and not photo.animated


def test_a_heif_that_names_its_kind_only_among_the_others_is_read():
    assert far_from(decode_photo(heic().replace(b"ftypheic", b"ftypmif1", 1)).pixels) < 6
    assert far_from(decode_photo(avif().replace(b"ftypavif", b"ftypmif1", 1)).pixels) < 6


@pytest.mark.parametrize("make", [heic, avif])
def test_the_orientation_is_applied_once(make):
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = SMOOTH.transpose(Image.Transpose.ROTATE_90)
    data = make(lying, exif=exif.tobytes())
    pixels = decode_photo(data).pixels
    assert pixels.shape == (128, 160, 3) and far_from(pixels) < 6


@pytest.mark.parametrize("make", [heic, avif])
def test_what_is_transparent_is_white(make):
    image = SMOOTH.convert("RGBA")
    image.putalpha(Image.new("L", image.size, 0))
    assert (decode_photo(make(image)).pixels >= 253).all()


def test_grey_and_ten_bits_become_rgb():
    assert decode_photo(heic(SMOOTH.convert("L"))).pixels.shape == (128, 160, 3)
    deep = Image.fromarray(np.asarray(SMOOTH.convert("L")).astype(np.uint16) * 257)
    pixels = decode_photo(heic(deep)).pixels
    assert np.abs(pixels[..., 0].astype(int) - np.asarray(SMOOTH.convert("L"))).mean() < 6


def test_a_photo_in_tiles_is_read_and_costs_what_its_tiles_have():
    large = SMOOTH.resize((300, 240))
    data, work = heic(large, tile_size=128), DecodingWork()
    assert b"grid" in data
    assert far_from(decode_photo(data).pixels, large) < 6
    heif_work(work, data)
    assert 0 < work.pixels - 6 * 128 * 128 - 0.8 * (len(data) - 2000) < 60_000  # the boxes


def test_of_a_sequence_the_first_frame_is_read_with_a_note():
    photo = decode_photo(avif(save_all=True, append_images=[SMOOTH.rotate(90), SMOOTH.rotate(180)]))
    assert photo.animated and far_from(photo.pixels) < 6


def test_the_sides_in_stream_headers_are_those_of_the_picture():
    data = avif(SMOOTH.resize((220, 130)))
    start = data.rindex(b"mdat") + 4
    assert av1_pictures(data[start:]) == (1, (220, 130))


@pytest.mark.parametrize(("make", "words"), [(heic, "HEIC format"), (avif, "Copy it again from the camera")])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.95])
def test_a_file_cut_short_is_refused(make, words, share):
    data = make()
    assert words in refusal(data[: int(len(data) * share)])


def test_bytes_that_only_begin_like_heic_say_what_to_do():
    text = refusal(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + RNG.bytes(3000))
    assert "HEIC format" in text and "Most Compatible" in text


def test_a_small_picture_is_refused_by_its_header():
    assert "it is 32 x 40 px" in refusal(avif(SMOOTH.resize((32, 40))))


def test_files_with_bytes_changed_are_read_or_refused_with_a_sentence():
    rng = np.random.default_rng(3)
    for data in (heic(), heic(tile_size=64), avif()):
        for _ in range(20):
            broken = bytearray(data)
            for place in rng.integers(0, min(len(data), 900), 3):
                broken[place] = rng.integers(256)
            try:
                assert decode_photo(bytes(broken)).pixels.shape[2] == 3
            except InvalidPhotoError as error:
                assert str(error).endswith(".")


def box(kind, *parts):
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def file_of(items, references, sides, config=b""):
    """A HEIF of `items` {number: kind}, with `references` {from: to}, one size and one configuration for all."""
    entries = [box(b"infe", b"\2\0\0\0", struct.pack(">HH4s", n, 0, kind), b"\0") for n, kind in items.items()]
    refs = [box(b"dimg", struct.pack(f">HH{len(to)}H", n, len(to), *to)) for n, to in references.items()]
    shared = b"".join(struct.pack(">HBBB", n, 2, 1, 2) for n in items)
    meta = box(
        b"meta",
        bytes(4),
        box(b"pitm", bytes(4), struct.pack(">H", min(items))),
        box(b"iinf", bytes(4), struct.pack(">H", len(items)), *entries),
        box(b"iref", bytes(4), *refs),
        box(
            b"iprp",
            box(b"ipco", box(b"ispe", bytes(4), struct.pack(">II", *sides)), config),
            box(b"ipma", bytes(4), struct.pack(">I", len(items)), shared),
        ),
    )
    return box(b"ftyp", b"mif1", bytes(4), b"mif1avif") + meta


def test_one_large_picture_used_many_times_is_refused():
    data = file_of({1: b"grid", 2: b"av01"}, {1: [2] * 200}, (4000, 4000))
    assert "parts of 16 megapixels each: more to decode" in refusal(data)


def test_pictures_that_refer_to_themselves_are_refused():
    assert "damaged" in refusal(file_of({1: b"grid", 2: b"grid"}, {1: [2], 2: [1]}, (400, 400)))


def test_pictures_that_double_at_every_step_are_refused():
    items = {n: b"iovl" for n in range(1, 40)} | {40: b"av01"}
    assert "damaged" in refusal(file_of(items, {n: [n + 1] * 2 for n in range(1, 40)}, (100, 100)))


def test_a_picture_of_another_kind_is_named():
    assert "of a kind I cannot read" in refusal(file_of({1: b"vvc1"}, {}, (400, 400)))


def test_many_pictures_in_the_stream_of_one_are_counted():
    slice_unit = b"\x26\x01\x80" + bytes(20)  # an IDR slice, the first of its picture
    stream = (struct.pack(">I", len(slice_unit)) + slice_unit) * 7
    assert hevc_pictures(stream, 4) == (7, (0, 0))
    frame = bytes([6 << 3 | 2, 3, 1, 2, 3])  # an AV1 frame of three bytes
    assert av1_pictures(frame * 5)[0] == 5


def sps(width, height):
    """A sequence parameter set of HEVC up to its sides, with bits written by hand: ITU-T H.265 section 7.3.2.2.1."""

    def golomb(value):
        bits = f"{value + 1:b}"
        return "0" * (len(bits) - 1) + bits

    bits = "0000" + "000" + "1" + "0" * 88 + "01011101"  # VPS, one layer, nesting, profile, level
    bits += golomb(0) + golomb(1) + golomb(width) + golomb(height) + "1"
    bits += "0" * (-len(bits) % 8)
    return b"\x42\x01" + int(bits, 2).to_bytes(len(bits) // 8)


def hvcc(*units):
    body = b"".join(struct.pack(">H", len(unit)) + unit for unit in units)
    return box(b"hvcC", bytes(21), b"\xff\1", struct.pack(">BH", 33, len(units)), body)


def test_the_sides_in_hevc_headers_are_those_written_there():
    record = hvcc(sps(640, 480), sps(512, 1024))[8:]
    assert hevc_sides_of_config(record) == (640, 1024)
    assert hevc_pictures(struct.pack(">H", len(sps(640, 480))) + sps(640, 480), 2) == (0, (640, 480))


def test_a_heic_whose_stream_is_larger_than_declared_is_refused():
    assert "Copy it again" in refusal(file_of({1: b"hvc1"}, {}, (640, 480), hvcc(sps(640, 480))))
    text = refusal(file_of({1: b"hvc1"}, {}, (640, 480), hvcc(sps(9000, 7000))))
    assert "parts of 63 megapixels each: more to decode" in text
