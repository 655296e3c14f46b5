"""Every kind of file a person may hand over: read rightly, or refused with a sentence."""

import hashlib
import io
import os
import random
import struct
import threading
import tracemalloc
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from hvit.data.datasets.folders import find_photos
from hvit.data.photos import InvalidPhotoError, LostPhotoError, decode_photo, photo_errors, read_photo

RNG = np.random.default_rng(0)
SMOOTH = np.asarray(Image.fromarray(RNG.integers(0, 256, (5, 6, 3), dtype=np.uint8)).resize((100, 80), Image.BICUBIC))


def saved(image, kind, **options):
    out = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(out, kind, **options)
    return out.getvalue()


def png_with_header(width, height):
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def refusal(data):
    with pytest.raises(InvalidPhotoError) as caught:
        decode_photo(data)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_lossless_kinds_give_the_very_pixels(kind):
    photo = decode_photo(saved(SMOOTH, kind))
    assert np.array_equal(photo.pixels, SMOOTH) and not photo.animated


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_kinds_give_nearly_the_pixels(kind):
    pixels = decode_photo(saved(SMOOTH, kind, quality=95)).pixels
    assert np.abs(pixels.astype(int) - SMOOTH).mean() < 4


def test_pixels_are_bytes_in_one_piece():
    photo = decode_photo(saved(SMOOTH, "JPEG"))
    assert photo.pixels.dtype == np.uint8 and photo.pixels.shape == (80, 100, 3) and photo.pixels.flags.c_contiguous


def test_the_hash_is_that_of_the_file():
    data = saved(SMOOTH, "PNG")
    assert decode_photo(data).sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.case("D1")
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_the_orientation_in_exif_is_applied(orientation, kind):
    undo = {
        1: lambda x: x,
        2: lambda x: x[:, ::-1],
        3: lambda x: x[::-1, ::-1],
        4: lambda x: x[::-1],
        5: lambda x: x.transpose(1, 0, 2),
        6: lambda x: np.rot90(x, 1),
        7: lambda x: x.transpose(1, 0, 2)[::-1, ::-1],
        8: lambda x: np.rot90(x, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    lying = np.ascontiguousarray(undo[orientation](SMOOTH))
    pixels = decode_photo(saved(lying, kind, exif=exif)).pixels
    assert pixels.shape == SMOOTH.shape
    assert np.abs(pixels.astype(int) - SMOOTH).mean() < 6


@pytest.mark.case("D1")
def test_grey_palette_and_cmyk_become_rgb():
    grey = Image.fromarray(SMOOTH[..., 0])
    assert np.array_equal(decode_photo(saved(grey, "PNG")).pixels, np.repeat(SMOOTH[..., :1], 3, 2))
    palette = Image.fromarray(SMOOTH).convert("P", palette=Image.Palette.ADAPTIVE)
    assert np.array_equal(decode_photo(saved(palette, "PNG")).pixels, np.asarray(palette.convert("RGB")))
    cmyk = decode_photo(saved(Image.fromarray(SMOOTH).convert("CMYK"), "JPEG", quality=95)).pixels
    assert np.abs(cmyk.astype(int) - SMOOTH).mean() < 6


@pytest.mark.case("D1")
def test_sixteen_bits_are_scaled_and_not_clipped():
    values = np.linspace(0, 65535, 80 * 100).reshape(80, 100).astype(np.uint16)
    pixels = decode_photo(saved(Image.fromarray(values), "PNG")).pixels
    assert np.array_equal(pixels[..., 1], np.round(values / 257).astype(np.uint8))


def test_a_dark_sixteen_bit_photo_stays_dark():
    values = np.full((80, 100), 200, np.uint16)  # of 65535
    assert decode_photo(saved(Image.fromarray(values), "PNG")).pixels.max() == 1


def test_floating_point_tiffs_from_zero_to_one_are_scaled():
    values = np.tile(np.linspace(0, 1, 100, dtype=np.float32), (80, 1))
    assert np.array_equal(
        decode_photo(saved(Image.fromarray(values), "TIFF")).pixels[0, :, 0], np.round(values[0] * 255)
    )


@pytest.mark.case("D1")
def test_what_is_transparent_is_white():
    alpha = np.zeros((80, 100), np.uint8)
    alpha[:, 50:] = 255
    pixels = decode_photo(saved(np.dstack([SMOOTH, alpha]), "PNG")).pixels
    assert (pixels[:, :50] == 255).all() and np.array_equal(pixels[:, 50:], SMOOTH[:, 50:])


@pytest.mark.case("D1")
@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_read_with_a_note(kind):
    frames = [Image.fromarray(np.full((80, 100, 3), value, np.uint8)) for value in (200, 20, 90)]
    photo = decode_photo(saved(frames[0], kind, save_all=True, append_images=frames[1:]))
    assert photo.animated and np.abs(photo.pixels.astype(int) - 200).max() < 8


def test_a_still_gif_is_not_animated():
    assert not decode_photo(saved(SMOOTH, "GIF")).animated


def test_several_pages_of_a_tiff_are_not_an_animation():
    pages = [Image.fromarray(SMOOTH), Image.fromarray(SMOOTH[::-1])]
    photo = decode_photo(saved(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert not photo.animated and np.array_equal(photo.pixels, SMOOTH)


@pytest.mark.case("D1")
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty (0 bytes)"),
        (b"<svg onload=alert(1)>", "contains text"),
        ("Blattflecken auf Äpfeln\n".encode() * 40, "contains text"),
        (b"BMI,class\n1,2\n", "contains text"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(range(100)), "HEIC"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "PDF"),
        (bytes(range(256)) * 4, "not a picture I can read"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt \x00\xff", "not a picture I can read"),
        (b"\xff\xd8\xff\xe0" + bytes(40), "damaged"),
    ],
)
def test_what_is_no_photo_is_named(data, words):
    assert words in refusal(data)


@pytest.mark.parametrize("size", [(63, 200), (200, 63), (1, 1)])
def test_small_photos_are_refused_with_their_size(size):
    assert f"{size[0]} x {size[1]} px" in refusal(saved(Image.new("RGB", size), "PNG"))


def test_sixty_four_pixels_are_enough():
    assert decode_photo(saved(Image.new("RGB", (64, 64)), "PNG")).pixels.shape == (64, 64, 3)


@pytest.mark.case("D1")
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (saved(Image.new("1", (12000, 12000)), "PNG", optimize=True), "it has 144 megapixels; the limit is 50."),
        (png_with_header(2**31 - 1, 2**31 - 1), "megapixels; the limit is 50."),
        (png_with_header(5001, 10000), "it has 50.1 megapixels"),
    ],
    ids=["bomb", "largest header", "just above"],
)
def test_large_pictures_are_refused_by_their_header(data, words):
    tracemalloc.start()
    assert words in refusal(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * 2**20  # decoded, the smallest of them takes 50 MB


def test_large_files_are_refused_before_they_are_read(tmp_path):
    with open(tmp_path / "large.jpg", "wb") as out:
        out.truncate(144_000_000)  # takes no room on the disk
    with pytest.raises(InvalidPhotoError, match="it has 144 MB; the limit is 50"):
        read_photo(tmp_path / "large.jpg")


def test_fifty_megabytes_and_one_byte_read_as_above_the_limit():
    assert "it has 50.1 MB" in refusal(bytes(50_000_001))


@pytest.mark.case("D1")
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_files_cut_short_are_refused(kind, share):
    data = saved(SMOOTH, kind)
    words = refusal(data[: int(len(data) * share)])
    assert "Copy it again" in words


@pytest.mark.case("D1")
def test_a_truncated_jpeg_is_reported_as_ending_too_early():
    data = saved(SMOOTH, "JPEG")
    assert refusal(data[: len(data) // 2]) == "the file ends too early. Copy it again from the camera."


@pytest.mark.case("D1")
def test_a_jpeg_whose_end_is_zeros_is_not_read_as_grey():
    data = saved(RNG.integers(0, 256, (200, 200, 3), dtype=np.uint8), "JPEG", progressive=True)
    half = len(data) // 2
    assert "Copy it again" in refusal(data[:half] + bytes(half))


@pytest.mark.case("D1")
def test_damaged_files_are_refused_with_a_sentence_and_nothing_else():
    random.seed(0)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    files = [saved(SMOOTH, "JPEG", exif=exif), saved(SMOOTH, "TIFF"), saved(SMOOTH, "PNG", exif=exif)]
    files += [saved(SMOOTH, "GIF"), saved(SMOOTH, "BMP"), saved(SMOOTH, "WEBP")]
    for i in range(1500):
        data = bytearray(files[i % len(files)])
        for _ in range(random.choice([1, 3, 10])):
            data[random.randrange(min(len(data), 400))] = random.randrange(256)
        try:
            assert decode_photo(bytes(data)).pixels.shape[2] == 3
        except InvalidPhotoError as error:
            assert str(error).endswith(".")


def test_no_warning_comes_out_and_the_filters_stay_as_they_are():
    before, answers = list(warnings.filters), []
    data = saved(Image.new("1", (9500, 9500)), "PNG")  # Pillow warns of its size

    def decode():
        try:
            decode_photo(data)
        except InvalidPhotoError as error:
            answers.append(str(error))

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        threads = [threading.Thread(target=decode) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(answers) == 8 and not seen
    assert warnings.filters == before


FILM = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + RNG.bytes(3000) + b"\xff\xda\0\x0c" + RNG.bytes(500) + bytes(200)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 3}], ids=str)
def test_what_follows_a_complete_jpeg_is_ignored(options):
    """A motion photo: a film behind the picture, which holds a marker by chance and ends in zeros."""
    data = saved(SMOOTH, "JPEG", **options)
    assert np.array_equal(decode_photo(data + FILM).pixels, decode_photo(data).pixels)
    assert np.array_equal(decode_photo(data + bytes(1000)).pixels, decode_photo(data).pixels)


def test_a_jpeg_cut_short_is_refused_though_another_picture_lies_in_its_metadata():
    thumbnail = saved(SMOOTH, "JPEG")
    noise = RNG.integers(0, 256, (200, 200, 3), dtype=np.uint8)
    data = saved(noise, "JPEG", exif=b"Exif\0\0" + bytes(20) + thumbnail)
    half = len(data) // 2
    assert half > len(thumbnail) and "Copy it again" in refusal(data[:half] + bytes(half))


@pytest.mark.parametrize(("size", "is_read"), [((64, 1280), True), ((64, 1281), False), ((1400, 65), False)])
def test_sides_up_to_twenty_to_one_are_read(size, is_read):
    data = saved(Image.new("RGB", size), "PNG")
    if is_read:
        assert decode_photo(data).pixels.shape == (size[1], size[0], 3)
    else:
        words = f"it is {size[0]:,} x {size[1]:,} pixels; the longer side may be 20 times the shorter"
        assert words in refusal(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "AVIF"])
def test_a_strip_is_refused_in_every_format(kind):
    assert "the longer side may be 20 times the shorter" in refusal(saved(Image.new("RGB", (64, 2000)), kind))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
def test_pipes_and_devices_are_refused_and_nothing_waits(tmp_path):
    os.mkfifo(tmp_path / "x.jpg")
    for path, kind in ((tmp_path / "x.jpg", "a pipe"), (Path("/dev/zero"), "a device"), (tmp_path, "a folder")):
        with pytest.raises(LostPhotoError, match=f"the file cannot be opened: it is {kind}, not a file."):
            read_photo(path)


@pytest.mark.parametrize("name", ["x" * 5000, "nul\0inside", "\0"], ids=["long", "NUL", "only NUL"])
def test_a_name_that_no_file_can_have_is_refused_with_a_sentence(name):
    with pytest.raises(LostPhotoError, match="^the file cannot be opened: .*[.]$"):
        read_photo(Path(name))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("a table is broken"), "ValueError: a table is broken"),
        (cv2.error("resize"), "error: resize"),
        (RecursionError("deep"), "RecursionError"),
        (MemoryError(), "not enough memory"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_goes_wrong_with_one_photo_is_a_sentence(error, words):
    with pytest.raises(InvalidPhotoError) as caught, photo_errors():
        raise error
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_an_order_to_stop_is_no_fault_of_a_photo(stop):
    with pytest.raises(stop), photo_errors():
        raise stop


def test_decoders_of_several_threads_do_not_wait_for_each_other(monkeypatch):
    """One photo rests in the middle of its decoding while another is read to the end."""
    inside, go_on = threading.Event(), threading.Event()
    true_load = JpegImagePlugin.JpegImageFile.load

    def load(image):
        if threading.current_thread().name == "resting":
            inside.set()
            assert go_on.wait(30)
        return true_load(image)

    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "load", load)
    data = saved(SMOOTH, "JPEG")
    thread = threading.Thread(target=decode_photo, args=(data,), name="resting")
    thread.start()
    assert inside.wait(30)
    assert decode_photo(data).pixels.shape == (80, 100, 3)
    go_on.set()
    thread.join(30)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InvalidPhotoError, match="cannot be opened"):
        read_photo(tmp_path / "none.jpg")


def test_photos_are_found_whatever_the_case_and_depth_in_order(tmp_path):
    for name in ("b.JPG", "a.tiff", "notes.txt", "deep/er/c.WebP", "deep/d.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "folder.jpg").mkdir()
    found = [path.relative_to(tmp_path).as_posix() for path in find_photos(tmp_path)]
    assert found == ["a.tiff", "b.JPG", "deep/er/c.WebP"]


def at_least_500(height, width):
    return 500, 500


LARGE = np.asarray(Image.fromarray(SMOOTH).resize((4100, 2050), Image.BICUBIC))


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {"quality": 95}), ("PNG", {"compress_level": 1})])
def test_a_large_photo_is_reduced_as_far_as_both_sides_stay_large_enough(kind, options):
    data = saved(LARGE, kind, **options)
    photo = decode_photo(data, at_least_500)
    assert photo.pixels.shape == (513, 1025, 3) and photo.sides == (2050, 4100)
    expected = cv2.resize(LARGE, (1025, 513), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(photo.pixels.astype(int) - expected).mean() < 1.5
    assert decode_photo(data).pixels.shape == LARGE.shape and decode_photo(data).sides == (2050, 4100)


def test_a_photo_that_would_become_too_small_keeps_its_very_pixels():
    data = saved(LARGE[:999, :999], "JPEG")
    photo = decode_photo(data, at_least_500)
    assert np.array_equal(photo.pixels, decode_photo(data).pixels) and photo.sides == (999, 999)


def test_a_reduced_photo_is_upright_and_so_are_its_sides():
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = decode_photo(saved(LARGE, "JPEG", exif=exif), at_least_500)
    assert photo.pixels.shape == (1025, 513, 3) and photo.sides == (4100, 2050)


def test_a_large_photo_that_ends_early_is_refused_at_reduced_size_too():
    data = saved(LARGE, "JPEG")
    with pytest.raises(InvalidPhotoError, match="ends too early"):
        decode_photo(data[: len(data) // 2], at_least_500)
