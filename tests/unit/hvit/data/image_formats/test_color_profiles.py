"""Photos in other color spaces show the same colors as in sRGB once they are decoded."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from hvit.data.image_formats import color_profiles
from hvit.data.image_formats.color_profiles import profile_mode
from hvit.data.photos import InvalidPhotoError, decode_photo

D50 = np.array([0.9642, 1.0, 0.8249])
PRIMARIES = {  # xy of red, green and blue, and of white
    "Display P3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.3127, 0.3290)),
    "Adobe RGB": ((0.640, 0.330), (0.210, 0.710), (0.150, 0.060), (0.3127, 0.3290)),
    "ProPhoto": ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), (0.3457, 0.3585)),
}
GAMMAS = {"Display P3": 2.2, "Adobe RGB": 2.19921875, "ProPhoto": 1.8}
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
COLORS = np.random.default_rng(0).integers(40, 216, (12, 14, 3), dtype=np.uint8)
PICTURE = Image.fromarray(COLORS).resize((140, 120), Image.Resampling.NEAREST)


def xyz(xy):
    return np.array([xy[0] / xy[1], 1, (1 - xy[0] - xy[1]) / xy[1]])


def colorants(name):
    """Columns: red, green and blue as XYZ under D50, as a profile holds them (ICC.1, annex E)."""
    *primaries, white = PRIMARIES[name]
    matrix = np.stack([xyz(xy) for xy in primaries], 1)
    matrix = matrix * np.linalg.solve(matrix, xyz(white))
    adapt = np.linalg.inv(BRADFORD) @ np.diag(BRADFORD @ D50 / (BRADFORD @ xyz(white))) @ BRADFORD
    return adapt @ matrix


def profile_of(tags, space=b"RGB ", kind=b"mntr"):
    def numbers(values):
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    table, body, start = b"", b"", 132 + 12 * len(tags)
    for name, value in tags.items():
        value += b"\0" * (-len(value) % 4)
        table += name + struct.pack(">II", start + len(body), len(value))
        body += value
    header = bytearray(128)
    header[8:12], header[12:16], header[16:20], header[20:24] = b"\2\x10\0\0", kind, space, b"XYZ "
    header[36:40], header[68:80] = b"acsp", numbers(D50)
    whole = bytes(header) + struct.pack(">I", len(tags)) + table + body
    return struct.pack(">I", len(whole)) + whole[4:]


def curve(gamma):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def point(values):
    return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(value * 65536)) for value in values)


TEXT = {b"desc": b"desc\0\0\0\0" + struct.pack(">I", 2) + b"p\0" + bytes(78), b"cprt": b"text\0\0\0\0none\0"}


def rgb_profile(name):
    matrix = colorants(name)
    columns = {tag: point(matrix[:, i]) for i, tag in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    curves = {tag: curve(GAMMAS[name]) for tag in (b"rTRC", b"gTRC", b"bTRC")}
    return profile_of(TEXT | {b"wtpt": point(D50)} | columns | curves)


def grey_profile(gamma):
    return profile_of(TEXT | {b"wtpt": point(D50), b"kTRC": curve(gamma)}, b"GRAY")


def in_space(name):
    """The picture with the same colors, written in another space, and the profile of that."""
    profile = rgb_profile(name)
    other = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    image = ImageCms.profileToProfile(PICTURE, ImageCms.createProfile("sRGB"), other, renderingIntent=1)
    del image.info["icc_profile"]  # a test chooses whether it is saved
    return image, profile


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def heic(image, profile):
    import pillow_heif

    out = io.BytesIO()
    made = pillow_heif.from_pillow(image)
    made.info["icc_profile"] = profile
    made.save(out, quality=-1, chroma=444)
    return out.getvalue()


@pytest.mark.parametrize("name", PRIMARIES)
def test_the_colors_of_other_spaces_are_those_of_srgb(name):
    image, profile = in_space(name)
    as_they_are = decode_photo(saved(image, "PNG")).pixels.astype(int)
    pixels = decode_photo(saved(image, "PNG", icc_profile=profile)).pixels.astype(int)
    assert np.abs(as_they_are - np.asarray(PICTURE)).mean() > 3  # what it would be without the profile
    assert np.abs(pixels - np.asarray(PICTURE)).max() <= 3


def test_a_color_of_display_p3_is_the_one_worked_by_hand():
    """P3 (100, 150, 50) at gamma 2.2: linear 0.12757, 0.31119, 0.02776, by the P3-to-sRGB matrix and the sRGB curve."""
    linear = (np.array([100, 150, 50]) / 255) ** 2.2
    to_srgb = np.array([[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]])
    mixed = to_srgb @ linear
    expected = np.where(mixed <= 0.0031308, 12.92 * mixed, 1.055 * mixed ** (1 / 2.4) - 0.055) * 255
    flat = Image.new("RGB", (80, 80), (100, 150, 50))
    pixels = decode_photo(saved(flat, "PNG", icc_profile=rgb_profile("Display P3"))).pixels
    assert np.abs(pixels[0, 0] - expected).max() <= 1.5


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "TIFF", "AVIF"])
def test_profiles_are_applied_in_every_format_that_holds_them(kind):
    image, profile = in_space("Adobe RGB")
    options = {} if kind == "TIFF" else {"quality": 100}
    options |= {"subsampling": 0} if kind == "JPEG" else {"subsampling": "4:4:4"} if kind == "AVIF" else {}
    pixels = decode_photo(saved(image, kind, icc_profile=profile, **options)).pixels.astype(int)
    plain = decode_photo(saved(image, kind, **options)).pixels.astype(int)
    wanted = np.asarray(PICTURE).astype(int)
    assert np.abs(pixels - wanted).mean() < np.abs(plain - wanted).mean() / 2


def test_profiles_are_applied_to_heic():
    image, profile = in_space("Display P3")
    pixels = decode_photo(heic(image, profile)).pixels.astype(int)
    assert np.abs(pixels[:120, :140] - np.asarray(PICTURE)).mean() < 3


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "LA"])
def test_a_color_profile_is_applied_whatever_the_mode(mode):
    image, profile = in_space("ProPhoto")
    given = image.convert(mode)
    plain = given.convert("RGB")
    other, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    expected = np.asarray(ImageCms.profileToProfile(plain, other, srgb, renderingIntent=1)).astype(int)
    assert np.abs(decode_photo(saved(given, "PNG", icc_profile=profile)).pixels - expected).max() <= 1


def test_transparent_parts_stay_white_under_a_profile():
    image, profile = in_space("ProPhoto")
    image.putalpha(Image.new("L", image.size, 0))
    assert (decode_photo(saved(image, "PNG", icc_profile=profile)).pixels == 255).all()


def test_a_grey_profile_is_applied_to_grey():
    """Grey of gamma 1: 64 of 255 is 0.251 in light, which sRGB writes as 137."""
    pixels = decode_photo(saved(Image.new("L", (80, 80), 64), "PNG", icc_profile=grey_profile(1.0))).pixels
    assert abs(int(pixels[0, 0, 0]) - 137) <= 2 and (pixels[..., 0] == pixels[..., 2]).all()


def test_a_grey_profile_of_a_color_photo_is_skipped():
    plain = decode_photo(saved(PICTURE, "JPEG")).pixels
    assert np.array_equal(decode_photo(saved(PICTURE, "JPEG", icc_profile=grey_profile(1.0))).pixels, plain)


def test_a_profile_of_srgb_leaves_every_pixel_as_it_is():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(decode_photo(saved(PICTURE, "PNG", icc_profile=srgb)).pixels, np.asarray(PICTURE))


def broken_profiles():
    whole, rng = rgb_profile("Display P3"), np.random.default_rng(0)
    yield "text", b"no profile at all, only text" * 20
    yield "half", whole[: len(whole) // 2]
    yield "header only", whole[:128]
    yield "random behind the header", whole[:128] + rng.bytes(400)
    yield "link of two devices", profile_of(TEXT, kind=b"link")
    yield "another space", profile_of(TEXT, space=b"XYZ ")
    yield "no tags", profile_of({})
    yield "million tags", whole[:128] + struct.pack(">I", 1_000_000) + whole[132:]
    yield "chain of float tables", profile_of(TEXT | {b"D2B0": b"mpet\0\0\0\0" + bytes(8)})


@pytest.mark.parametrize("profile", [pytest.param(profile, id=what) for what, profile in broken_profiles()])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_broken_profile_is_skipped(profile, kind):
    plain = decode_photo(saved(PICTURE, kind)).pixels
    assert np.array_equal(decode_photo(saved(PICTURE, kind, icc_profile=profile)).pixels, plain)


def test_profiles_with_single_bytes_changed_never_stop_a_photo():
    rng, whole = np.random.default_rng(1), rgb_profile("Adobe RGB")
    for _ in range(20):
        profile = bytearray(whole)
        for place in rng.integers(0, len(whole), 4):
            profile[place] = rng.integers(256)
        assert decode_photo(saved(PICTURE, "PNG", icc_profile=bytes(profile))).pixels.shape == (120, 140, 3)


def test_a_profile_too_large_for_any_camera_is_skipped():
    large = rgb_profile("Display P3") + bytes(5_000_000)
    assert profile_mode(large) is None
    plain = decode_photo(saved(PICTURE, "TIFF")).pixels
    assert np.array_equal(decode_photo(saved(PICTURE, "TIFF", icc_profile=large)).pixels, plain)


def tables(num_channels, space):
    """A profile of tables, as printers and scanners have them: every color is looked up between those of a grid."""
    identity = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    ends = struct.pack(">HH", 0, 65535)
    grid = np.linspace(0, 65535, 2**num_channels * 3).astype(">u2").tobytes()
    lookup = b"mft2\0\0\0\0" + bytes([num_channels, 3, 2, 0]) + identity + struct.pack(">HH", 2, 2)
    lookup += ends * num_channels + grid + ends * 3
    return profile_of(TEXT | {b"wtpt": point(D50), b"A2B0": lookup}, space, b"prtr")


@pytest.mark.parametrize(
    ("mode", "profile", "kind", "most_megapixels"),
    [
        ("RGB", tables(3, b"RGB "), "JPEG", 25),
        ("CMYK", tables(4, b"CMYK"), "JPEG", 14),
        ("RGB", rgb_profile("Display P3"), "PNG", 35),
        ("RGB", rgb_profile("Display P3"), "JPEG", 50),
        ("RGB", rgb_profile("Display P3"), "HEIF", 50),
    ],
)
def test_profiles_count_by_what_they_cost(mode, profile, kind, most_megapixels, monkeypatch):
    """The limit is lowered a thousand times, so that small photos show it."""
    monkeypatch.setattr(color_profiles, "MAX_PIXELS", 50_000)
    side = int((most_megapixels * 1000) ** 0.5)
    assert color_profiles.to_srgb(Image.new(mode, (side, side), "green"), profile, kind) is not None
    with pytest.raises(InvalidPhotoError, match="more to convert than 50 megapixels of JPEG in Display P3. Export it"):
        color_profiles.to_srgb(Image.new(mode, (side, side + 5), "green"), profile, kind)
