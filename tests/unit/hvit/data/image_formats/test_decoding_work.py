"""Files that are small and would take minutes to decode are refused by their headers; what people have is read."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from hvit.data.image_formats.decoding_work import BUDGET_PX, DecodingWork, bmp_work, gif_work, tiff_work, webp_work
from hvit.data.image_formats.heif_boxes import heif_work
from hvit.data.image_formats.jpeg_markers import jpeg_without_metadata
from hvit.data.image_formats.png_chunks import png_without_texts
from hvit.data.invalid_photo import InvalidPhotoError
from hvit.data.photos import decode_photo

RNG = np.random.default_rng(0)
PICTURE = Image.fromarray(RNG.integers(0, 256, (80, 100, 3), dtype=np.uint8))
PIXELS = np.asarray(PICTURE)


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def refusal(data):
    with pytest.raises(InvalidPhotoError) as caught:
        decode_photo(data)
    return str(caught.value)


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_with(extra, before=b"IDAT"):
    data = saved(PICTURE, "PNG")
    at = data.index(before) - 4
    return data[:at] + extra + data[at:]


def segment(marker, body):
    return bytes([0xFF, marker]) + struct.pack(">H", 2 + len(body)) + body


def jpeg_with(*segments, image=PICTURE, **options):
    data = saved(image, "JPEG", **options)
    return data[:2] + b"".join(segments) + data[2:]


def scans(side, num, **options):
    """A progressive grey JPEG with `num` scans of its own last kind appended."""
    data = saved(Image.new("L", (side, side), 100), "JPEG", progressive=True, **options)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * num + data[-2:]


def work_of(count, data):
    work = DecodingWork()
    count(work, data)
    return work.pixels


def test_the_budget_is_a_photo_of_fifty_megapixels_and_its_metadata():
    assert BUDGET_PX == 60e6
    work = DecodingWork()
    work.add(50e6, "pixels")
    with pytest.raises(InvalidPhotoError, match="it has 3 scans: more to decode than 50 megapixels"):
        work.add(10e6 + 1, "3 scans")


@pytest.mark.parametrize(("side", "num"), [(2000, 300), (1000, 3000), (64, 40_000)])
def test_a_jpeg_of_many_scans_is_refused_with_their_number(side, num):
    own = saved(Image.new("L", (side, side), 100), "JPEG", progressive=True).count(b"\xff\xda")
    assert f"it has {num + own:,} scans of {side * side / 1e6:,.1f} megapixels" in refusal(scans(side, num))


def test_a_component_repeated_in_a_sequential_jpeg_is_counted():
    """The scans of a JPEG that is not progressive count too, where the first holds one of its components."""
    data = bytearray(saved(Image.new("RGB", (2000, 2000)), "JPEG"))
    at = data.index(b"\xff\xda")
    body = data[at + 14 :]
    alone = segment(0xDA, bytes([1, 1, 0, 0, 63, 0])) + bytes(body[:-2])
    assert "scans of 4.0 megapixels" in refusal(bytes(data[:at]) + alone * 200 + b"\xff\xd9")


@pytest.mark.parametrize("subsampling", [0, 2])
def test_a_progressive_photo_of_twenty_four_megapixels_is_within_the_budget(subsampling):
    data = saved(Image.new("RGB", (600, 400)), "JPEG", progressive=True, subsampling=subsampling)
    data = data.replace(struct.pack(">HH", 400, 600), struct.pack(">HH", 4000, 6000))
    assert 1.8 * 24e6 < work_of(jpeg_without_metadata, data) < BUDGET_PX


def test_the_largest_baseline_photo_is_within_the_budget():
    data = saved(Image.new("RGB", (500, 400)), "JPEG")
    data = data.replace(struct.pack(">HH", 400, 500), struct.pack(">HH", 7071, 7071))
    assert 7071**2 <= work_of(jpeg_without_metadata, data) < BUDGET_PX


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (b"\xff\xfe\0\2" * 3_000_000, "too many markers"),
        (b"\xff" * 5_000_000, "junk between its markers"),
        (b"x" * 5_000_000, "junk between its markers"),
        (b"\xff\xd0" * 3_000_000, "too many markers"),
    ],
    ids=["comments", "fill bytes", "bytes of no marker", "restarts"],
)
def test_a_jpeg_of_endless_markers_is_refused(extra, words):
    data = saved(PICTURE, "JPEG")
    assert words in refusal(data[:2] + extra + data[2:])


def entries_over_one_place(num, size):
    head = b"II*\0" + struct.pack("<IH", 8, num)
    return head + b"".join(struct.pack("<HHII", 1000 + i, 7, size, 8) for i in range(num)) + bytes(4)


@pytest.mark.parametrize(
    "segments",
    [
        [segment(0xE1, b"Exif\0\0" + entries_over_one_place(5000, 60_000).ljust(65_000, b"\0"))] * 30,
        [segment(0xED, b"Photoshop 3.0\0" + (b"8BIM\4\4" + bytes(6)) * 5000)] * 100,
        [segment(0xFE, b"a comment" * 7000)] * 100,
        [segment(0xE2, b"MPF\0" + entries_over_one_place(5000, 60_000))] * 3,
    ],
    ids=["EXIF", "Photoshop", "comments", "other pictures"],
)
def test_the_metadata_of_a_jpeg_costs_nothing_and_changes_nothing(segments):
    work = DecodingWork()
    slim, *_ = jpeg_without_metadata(work, jpeg_with(*segments))
    assert len(slim) < len(saved(PICTURE, "JPEG")) + 100
    assert np.array_equal(decode_photo(jpeg_with(*segments)).pixels, decode_photo(saved(PICTURE, "JPEG")).pixels)


def test_exif_and_xmp_of_a_jpeg_are_still_followed():
    exif = Image.Exif()
    exif[0x0112] = 6
    xmp = b'<rdf:Description tiff:Orientation="3"/>'
    both = decode_photo(saved(PICTURE, "JPEG", exif=exif, xmp=xmp)).pixels
    assert both.shape == (100, 80, 3)  # EXIF comes first
    plain = decode_photo(saved(PICTURE, "JPEG")).pixels
    assert np.array_equal(decode_photo(saved(PICTURE, "JPEG", xmp=xmp)).pixels, plain[::-1, ::-1])


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"zTXt", b"\0\0" + zlib.compress(bytes(3_000_000))) * 200,
        chunk(b"zTXt", b"key\0\0" + zlib.compress(bytes(3_000_000))) * 200,
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(3_000_000))) * 200,
        chunk(b"tEXt", b"key\0" + bytes(2_000_000)) * 3,
        chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(3_000_000))),
        chunk(b"iCCP", b"no profile"),
        chunk(b"prIv", bytes(100)) * 500,
    ],
    ids=["texts without a name", "texts", "XMP", "long texts", "large profile", "no profile", "private"],
)
@pytest.mark.parametrize("before", [b"IDAT", b"IEND"])
def test_texts_and_profiles_of_a_png_neither_stop_nor_change_it(extra, before):
    assert np.array_equal(decode_photo(png_with(extra, before)).pixels, PIXELS)


@pytest.mark.parametrize("name", [b"prIv", b"IDAT", b"tEXt"])
def test_a_png_of_endless_chunks_is_refused(name):
    assert "too many chunks" in refusal(png_with(chunk(name, b"") * 100_000))


@pytest.mark.parametrize("compressed", [False, True])
def test_the_orientation_in_texts_of_a_png_is_followed(compressed):
    texts = PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", '<rdf:Description tiff:Orientation="3"/>', zip=compressed)
    assert np.array_equal(decode_photo(saved(PICTURE, "PNG", pnginfo=texts)).pixels, PIXELS[::-1, ::-1])
    exif = Image.Exif()
    exif[0x0112] = 3
    texts, code = PngInfo(), exif.tobytes().hex()
    texts.add_text("Raw profile type exif", f"\nexif\n{len(code) // 2:8}\n{code}\n", zip=compressed)
    assert np.array_equal(decode_photo(saved(PICTURE, "PNG", pnginfo=texts)).pixels, PIXELS[::-1, ::-1])


def test_a_png_without_texts_is_not_copied():
    data = saved(PICTURE, "PNG")
    assert png_without_texts(DecodingWork(), data) is data


def test_deep_and_interlaced_pngs_cost_more_by_their_bytes():
    def header(depth, color, interlaced):
        body = struct.pack(">IIBBBBB", 1000, 1000, depth, color, 0, 0, interlaced)
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", body)

    costs = [
        work_of(png_without_texts, header(*kind)) for kind in ((8, 2, 0), (8, 6, 0), (16, 2, 0), (16, 6, 0), (8, 2, 1))
    ]
    assert np.allclose(costs, [1e6, 1e6, 1.5e6, 2e6, 1.5e6], atol=2000)


@pytest.mark.parametrize(
    ("extra", "is_read"),
    [
        (b"!\xfe" + (b"\xff" + b"a" * 255) * 100_000 + b"\0", False),
        (b"!\xfe" + b"\1a" * 2_000_000 + b"\0", False),
        (b"!\xfe" + (b"\xff" + b"a" * 255) * 500 + b"\0", True),
        (b"!\xff\x0bNETSCAPE2.0\3\1\0\0\0" * 200, True),
    ],
    ids=["one long comment", "blocks of a byte", "a comment", "extensions"],
)
def test_what_lies_before_the_picture_of_a_gif_is_counted(extra, is_read):
    data = saved(PICTURE, "GIF")
    at = 13 + 3 * 2 ** ((data[10] & 7) + 1)
    data = data[:at] + extra + data[at:]
    if is_read:
        assert decode_photo(data).pixels.shape == (80, 100, 3)
    else:
        assert "too many blocks" in refusal(data)


def test_the_picture_of_a_gif_in_blocks_of_one_byte_is_refused():
    data = saved(PICTURE, "GIF")
    assert "too many blocks" in refusal(data[:-2] + b"\1\0" * 2_000_000 + b"\0;")


def test_a_gif_is_parsed_to_its_second_frame_only():
    frames = [Image.new("P", (80, 80), i) for i in range(6)]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], optimize=False)
    assert work_of(gif_work, data) < 6400 + 50 * 100


def test_a_webp_of_endless_frames_is_refused():
    data = saved(PICTURE, "WEBP", save_all=True, append_images=[PICTURE.rotate(180)])
    frames = (b"ANMF" + struct.pack("<I", 16) + bytes(16)) * 200_000
    assert "too many chunks" in refusal(data[:4] + struct.pack("<I", len(data) - 8 + len(frames)) + data[8:] + frames)


@pytest.mark.parametrize("options", [{"lossless": True}, {}, {"exif": b"Exif\0\0II*\0"}], ids=str)
def test_the_sides_of_a_webp_are_read_from_its_header(options):
    data = saved(Image.new("RGB", (40, 4000)), "WEBP", **options)
    with pytest.raises(InvalidPhotoError, match="40 x 4000 px"):
        webp_work(DecodingWork(), data)


def bmp(width, height, compression, body):
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, compression, len(body), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 1024 + len(body), 0, 0, 54 + 1024) + header + bytes(1024) + body


def test_run_lengths_of_a_bmp_are_counted_by_pixels_and_bytes():
    assert decode_photo(bmp(200, 200, 1, b"\xc8\7\0\0" * 200 + b"\0\1")).pixels.shape == (200, 200, 3)
    assert "run-length encoded pixels" in refusal(bmp(7000, 7000, 1, b"\1\1\0\0" * 7000 + b"\0\1"))
    assert "run-length encoded pixels" in refusal(bmp(200, 200, 2, b"\1\1" * 2_000_000))
    assert work_of(bmp_work, bmp(1000, 1000, 0, bytes(1_000_000))) == 0


def tiff(body=b"", **tags):
    """A little-endian TIFF of 100 x 80 grey pixels in `body`; `tags` are t<number>=(type, count, value)."""
    known = {254: (4, 1, 0), 256: (4, 1, 100), 257: (4, 1, 80), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1)}
    known |= {273: (4, 1, 8), 277: (3, 1, 1), 278: (4, 1, 80), 279: (4, 1, 8000)}
    known |= {int(name[1:]): value for name, value in tags.items()}
    entries = b"".join(struct.pack("<HHII", tag, *value) for tag, value in sorted(known.items()) if value)
    head = b"II*\0" + struct.pack("<I", 8 + len(body))
    return head + body + struct.pack("<H", len(entries) // 12) + entries + bytes(4)


def test_a_plain_tiff_costs_its_pixels():
    assert 8000 < work_of(tiff_work, tiff(bytes(8000))) < 8000 + 20 * 400
    assert decode_photo(tiff(bytes(8000))).pixels.shape == (80, 100, 3)


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"t273": (4, 9_000_000, 8), "t279": (4, 9_000_000, 8), "t278": (4, 1, 1)}, "9,000,000 strips or tiles"),
        ({"t273": None, "t278": None, "t322": (4, 1, 60_000), "t323": (4, 1, 60_000), "t324": (4, 1, 8)}, "3,600 mega"),
        ({"t273": None, "t278": None, "t322": (4, 1, 1), "t323": (4, 1, 1), "t324": (4, 1, 8)}, None),
        ({f"t{40000 + i}": (7, 40_000_000, 8) for i in range(100)}, "entries without end"),
        ({"t259": (3, 1, 34925), "t256": (4, 1, 5000), "t257": (4, 1, 5000)}, "25 megapixels of 1 x 8 bits"),
        ({"t258": (3, 1, 64), "t339": (3, 1, 3), "t256": (4, 1, 6500), "t257": (4, 1, 6500)}, "1 x 64 bits"),
    ],
    ids=["strips", "huge tile", "tiles of a pixel", "values in one place", "LZMA", "doubles"],
)
def test_parts_and_entries_of_a_tiff_are_counted(tags, words):
    if words is None:
        assert work_of(tiff_work, tiff(bytes(8000), **tags)) > 8000 * 200
    else:
        assert words in refusal(tiff(bytes(8000), **tags))


def test_a_tiff_of_one_row_a_strip_is_read():
    photo = decode_photo(saved(PICTURE, "TIFF", compression="tiff_lzw", tiffinfo={278: 1}))
    assert np.array_equal(photo.pixels, PIXELS)


def test_scans_of_a_jpeg_inside_a_tiff_are_counted():
    data = saved(PICTURE.resize((2000, 2000)), "TIFF", compression="jpeg")
    assert decode_photo(data).pixels.shape == (2000, 2000, 3)
    assert "scans of 4 megapixels" in refusal(data + b"\xff\xda" * 60_000)


def test_deep_floats_of_a_large_tiff_are_scaled_in_parts():
    """The largest value decides over all rows, wherever it lies."""
    values = np.zeros((700, 80), np.float32)
    values[650, 3], values[:, 0], values[5, 5] = 200, 100, np.nan
    pixels = decode_photo(saved(Image.fromarray(values), "TIFF")).pixels
    assert pixels[0, 0, 0] == 100 and pixels[650, 3, 0] == 200 and pixels[5, 5, 0] == 0


@pytest.mark.parametrize(
    ("values", "options", "words"),
    [
        (PIXELS / np.float32(255), {}, "3 x 32-bit floating-point values"),
        (PIXELS.astype(np.uint32) << 24, {}, "3 x 32-bit values"),
        (PIXELS[..., 0] / np.float16(255), {}, "1 x 16-bit floating-point values"),
        (PIXELS[..., 0] / 255, {}, "1 x 64-bit floating-point values"),
        (
            PIXELS.transpose(2, 0, 1).astype(np.uint16) * 257,
            {"planarconfig": "separate"},
            "3 x 16-bit values in planes",
        ),
    ],
    ids=["RGB floats", "RGB of 32 bits", "half floats", "doubles", "planes of 16 bits"],
)
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_a_tiff_of_values_that_are_not_read_is_named_as_such(values, options, words, byteorder):
    out = io.BytesIO()
    tifffile.imwrite(out, np.ascontiguousarray(values), byteorder=byteorder, metadata=None, **options)
    assert refusal(out.getvalue()) == f"it is a TIFF of {words}, which I cannot read. Export it as JPEG or PNG."


def test_infinity_is_white_and_leaves_the_other_values_their_scale():
    values = np.full((80, 100), 0.5, np.float32)
    values[0, 0], values[0, 1] = np.inf, -np.inf
    pixels = decode_photo(saved(Image.fromarray(values), "TIFF")).pixels[..., 0]
    assert pixels[0, 0] == 255 and pixels[0, 1] == 0 and pixels[5, 5] == 128


def test_a_byte_of_an_av1_or_hevc_stream_counts_beside_its_pixels():
    """Their time follows the bytes; a photo of a phone has few of them for its pixels."""
    noise = saved(PICTURE.resize((400, 320), Image.Resampling.NEAREST), "AVIF", quality=95)
    flat = saved(Image.new("RGB", (400, 320)), "AVIF", quality=95)
    more_bytes = len(noise) - len(flat)
    assert more_bytes > 3000
    assert work_of(heif_work, noise) - work_of(heif_work, flat) == pytest.approx(0.8 * more_bytes, rel=0.05)
