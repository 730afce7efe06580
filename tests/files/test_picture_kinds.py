"""Pictures that decoders get wrong in silence: each kind against what was put in."""

from __future__ import annotations

import io
import struct
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from colour_profile import DISPLAY_P3_TO_XYZ, SRGB_TO_XYZ, profile
from numpy.typing import NDArray
from PIL import Image
from tiff_writer import BLACK_IS_ZERO, CMYK, RGB, WHITE_IS_ZERO, Order, tiff

from prnet.errors import PrnetError, PrnetWarning
from prnet.files.image import load_image, load_mask

ROWS, COLUMNS = np.mgrid[:40, :48]
COLOURS = np.stack([COLUMNS * 5, ROWS * 6, 250 - COLUMNS * 4], axis=2).astype(np.uint8)
RAMP = np.arange(0, 256, 5, dtype=np.uint8)[None]


def encoded(picture: Image.Image, file_format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format=file_format, **options)
    return stream.getvalue()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("planes", [True, False])
@pytest.mark.parametrize("deflate", [True, False])
@pytest.mark.parametrize("kind", ["RGB", "RGBA", "CMYK"])
def test_sixteen_bit_colour_tiff(order: Order, planes: bool, deflate: bool, kind: str) -> None:
    """Uncompressed in planes, it was noise."""
    colours, fourth = 255 - COLOURS if kind == "CMYK" else COLOURS, np.zeros_like(COLOURS[..., :1])
    fourth = fourth if kind == "CMYK" else fourth + np.uint8(255)
    pixels = colours if kind == "RGB" else np.concatenate([colours, fourth], axis=2)
    data = tiff(
        pixels.astype(np.uint16) * 257,
        CMYK if kind == "CMYK" else RGB,
        order=order,
        planes=planes,
        deflate=deflate,
    )
    np.testing.assert_array_equal(load_image(data), COLOURS)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("deflate", [True, False])
@pytest.mark.parametrize("photometric", [BLACK_IS_ZERO, WHITE_IS_ZERO])
@pytest.mark.parametrize(
    "pixels",
    [RAMP, RAMP.astype(np.uint16) * 257, RAMP / np.float32(255)],
    ids=["8 bits", "16 bits", "float"],
)
def test_grey_tiff(order: Order, deflate: bool, photometric: int, pixels: NDArray[Any]) -> None:
    """White-is-zero ones of 16 bits and floats came out as negatives, big-endian ones not at all;
    deflated big-endian floats were noise."""
    grey = load_image(tiff(pixels, photometric, order=order, deflate=deflate))[..., 0]
    np.testing.assert_array_equal(grey, RAMP if photometric == BLACK_IS_ZERO else 255 - RAMP)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("deflate", [True, False])
@pytest.mark.parametrize("dtype", [np.int16, np.int32])
def test_signed_grey_tiff(order: Order, deflate: bool, dtype: type) -> None:
    """Signed numbers have no white of their own: minimum and maximum are black and white."""
    pixels: NDArray[Any] = (RAMP.astype(dtype) - 128) * 100
    grey = load_image(tiff(pixels, BLACK_IS_ZERO, order=order, deflate=deflate))[..., 0]
    np.testing.assert_array_equal(grey, RAMP)


def test_twelve_bit_grey_tiff() -> None:
    """They came out at a sixteenth of their brightness."""
    pixels = np.array([[0, 1, 16, 2048, 4080, 4095]], np.uint16)
    grey = load_image(tiff(pixels, BLACK_IS_ZERO, bits=12))[0, :, 0]
    assert grey.tolist() == [0, 0, 1, 128, 254, 255]


@pytest.mark.parametrize("greatest", [1023, 4095, 65535])
@pytest.mark.parametrize("brightest", [0.1, 0.004, 1.0])
def test_deep_pgm(greatest: int, brightest: float) -> None:
    """The greatest value is white, however dark the picture: 65535ths below 256 were taken for
    bytes."""
    values = np.linspace(0, brightest * greatest, 9).astype(">u2")
    grey = load_image(b"P5 9 1 %d\n" % greatest + values.tobytes())[0, :, 0]
    np.testing.assert_allclose(grey, values / greatest * 255, atol=0.51 + 255 / greatest)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.02], [0, 128, 255]),  # sharpened
        ([0.0, 0.5, 1.9], [0, 128, 255]),  # highlights beyond white
        ([0.0, 128.0, 260.0], [0, 128, 255]),
        ([0.0, 32768.0, 66000.0], [0, 128, 255]),
        ([-0.25, 0.5, 1.0], [0, 153, 255]),
        ([-np.inf, 0.5, np.nan], [0, 128, 0]),
    ],
)
def test_float_greys_may_pass_their_white(values: list[float], expected: list[int]) -> None:
    for order, sign in ((">", 1), ("<", -1)):
        pfm = b"Pf 3 1\n%d\n" % sign + np.array(values, f"{order}f4").tobytes()
        assert load_image(pfm)[0, :, 0].tolist() == expected


def test_large_pictures_are_converted_in_bands() -> None:
    """Floats of one band alone do not decide what is white."""
    grey = np.zeros((700, 3), np.float32)
    grey[5], grey[-5] = 100, 200
    loaded = load_image(tiff(grey, BLACK_IS_ZERO))
    assert (loaded[5] == 100).all()
    assert (loaded[-5] == 200).all()
    assert loaded.shape == (700, 3, 3)


def to_srgb(colours: NDArray[np.uint8], to_xyz: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a colour manager does, in floats: gamma 2.2 in, sRGB's curve out."""
    linear = (colours / 255) ** 2.2 @ (np.linalg.inv(SRGB_TO_XYZ) @ to_xyz).T
    linear = np.clip(linear, 0, 1)
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(255 * curve)


P3 = profile(DISPLAY_P3_TO_XYZ, 2.2, description="Display P3")


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_wide_colours_become_srgb(file_format: str) -> None:
    """Phones write Display P3: taken for sRGB, skin is pale."""
    options: dict[str, Any] = {"lossless": True} if file_format == "WEBP" else {"quality": 100}
    skin = np.empty((16, 16, 3), np.uint8)
    skin[:] = 230, 160, 130
    data = encoded(Image.fromarray(skin), file_format, icc_profile=P3, **options)
    expected = to_srgb(skin, DISPLAY_P3_TO_XYZ)
    assert np.abs(expected - skin).max() > 8
    tolerance = 4 if file_format == "JPEG" else 1.5
    np.testing.assert_allclose(load_image(data), expected, atol=tolerance)


def test_profiles_that_change_nothing() -> None:
    picture = Image.fromarray(COLOURS)
    same = profile(SRGB_TO_XYZ, 2.2, description="sRGB, as it says")
    for unused in (same, b"broken", P3[:300], P3.replace(b"RGB XYZ ", b"CMYKXYZ ")):
        np.testing.assert_array_equal(
            load_image(encoded(picture, "PNG", icc_profile=unused)), COLOURS
        )


def test_profile_and_transparency() -> None:
    alpha = np.full((*COLOURS.shape[:2], 1), 128, np.uint8)
    rgba = Image.fromarray(np.concatenate([COLOURS, alpha], axis=2))
    loaded = load_image(encoded(rgba, "PNG", icc_profile=P3))
    expected = to_srgb(COLOURS, DISPLAY_P3_TO_XYZ) * (128 / 255) + 127
    np.testing.assert_allclose(loaded, expected, atol=2)


def test_multiplied_alpha() -> None:
    """In TIFF's associated alpha, colours are multiplied by it; white shines through all the
    same."""
    pixels = np.array([[[100, 50, 0, 128], [0, 0, 0, 0], [9, 8, 7, 255]]], np.uint8)
    data = bytearray(tiff(pixels, RGB))
    kind = data.index(struct.pack("<HHI", 338, 4, 1)) + 8
    data[kind : kind + 4] = struct.pack("<I", 1)
    expected = [[[227, 177, 127], [255, 255, 255], [9, 8, 7]]]
    np.testing.assert_allclose(load_image(bytes(data)), expected, atol=1)


def jpeg2000(orientation: int, *, identity: bytes = b"JpgTiffExif->JP2") -> bytes:
    """A file whose box of EXIF data follows its pixels, as ExifTool writes it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    box = identity + exif.tobytes().removeprefix(b"Exif\0\0")
    return (
        encoded(Image.fromarray(COLOURS), "JPEG2000")
        + struct.pack(">I4s", 8 + len(box), b"uuid")
        + box
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_jpeg_2000(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    png = encoded(Image.fromarray(COLOURS), "PNG", exif=exif)
    np.testing.assert_array_equal(load_image(jpeg2000(orientation)), load_image(png))


def test_other_boxes_of_jpeg_2000() -> None:
    np.testing.assert_array_equal(load_image(jpeg2000(6, identity=b"0" * 16)), COLOURS)
    np.testing.assert_array_equal(load_image(jpeg2000(6)[:-30]), COLOURS)
    adobe = bytes.fromhex("0537cdab9d0c4431a72afa561f2a113e")
    assert load_image(jpeg2000(6, identity=adobe)).shape == (48, 40, 3)


def test_shape_of_a_mask() -> None:
    """In the alpha channel where there is one: a black shape or a cut-out photo is a mask, too."""
    shape = (np.hypot(ROWS - 20, COLUMNS - 12) < 10)[..., None]
    white, black = np.full_like(COLOURS, 255), np.zeros_like(COLOURS)
    alpha = (255 * shape).astype(np.uint8)
    for colours in (white, black, COLOURS):
        cut_out = Image.fromarray(np.concatenate([colours, alpha], axis=2))
        np.testing.assert_array_equal(load_mask(encoded(cut_out, "PNG")), shape[..., 0])
    opaque = Image.fromarray(np.concatenate([white * shape, white[..., :1]], axis=2))
    for picture in (opaque, opaque.convert("RGB"), opaque.convert("L"), opaque.convert("1")):
        np.testing.assert_array_equal(load_mask(encoded(picture, "PNG")), shape[..., 0])
    blue = Image.fromarray(white * shape * np.array([0, 0, 1], np.uint8))
    np.testing.assert_array_equal(load_mask(encoded(blue, "PNG")), shape[..., 0])
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = load_mask(encoded(opaque, "PNG", exif=exif))
    np.testing.assert_array_equal(turned, np.rot90(shape[..., 0], -1))
    assert turned.dtype == np.float32


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("missing", [1, 2])
def test_jpeg_without_its_end(
    tmp_path: Path, sample_image: NDArray[np.uint8], progressive: bool, missing: int
) -> None:
    data = encoded(Image.fromarray(sample_image[:150, :200]), "JPEG", progressive=progressive)
    path = tmp_path / "cut.jpg"
    path.write_bytes(data[:-missing])
    with pytest.warns(PrnetWarning, match=r"cut\.jpg: the end of this JPEG is missing"):
        loaded = load_image(path)
    np.testing.assert_array_equal(loaded, load_image(data))


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_without_its_last_pixels(sample_image: NDArray[np.uint8], progressive: bool) -> None:
    data = encoded(Image.fromarray(sample_image[:150, :200]), "JPEG", progressive=progressive)
    for missing in (8, 100, 1000):
        with pytest.raises(PrnetError, match="truncated or damaged"):
            load_image(data[:-missing])


def test_whole_jpeg_is_read_without_a_word() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_image(encoded(Image.fromarray(COLOURS), "JPEG"))


def test_headers_that_claim_too_much() -> None:
    """Half a megabyte of picture at most fits into a kilobyte of JPEG."""
    data = bytearray(encoded(Image.fromarray(COLOURS), "JPEG", progressive=True))
    frame = data.index(b"\xff\xc2") + 5
    data[frame : frame + 4] = struct.pack(">HH", 10_000, 12_000)
    with pytest.raises(PrnetError, match=r"cannot hold its 12000x10000 pixels"):
        load_image(bytes(data))


def test_empty_picture_may_be_short() -> None:
    data = encoded(Image.new("RGB", (3000, 3000)), "WEBP", lossless=True)
    assert 512 * len(data) < 3000 * 3000
    assert load_image(data).shape == (3000, 3000, 3)


def test_other_formats_that_claim_too_much() -> None:
    """The decoder of JPEG 2000 would lay out 2 GB for this, and find the file well."""
    data = bytearray(encoded(Image.fromarray(COLOURS), "JPEG2000", no_jp2=True))
    size = data.index(b"\xff\x51") + 6
    for field in (size, size + 16):  # of the picture, of its one tile
        data[field : field + 8] = struct.pack(">II", 12_000, 10_000)
    with pytest.raises(PrnetError, match=r"cannot hold its 12000x10000 pixels"):
        load_image(bytes(data))


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "GIF", "WEBP", "BMP", "JPEG2000"])
def test_pillows_limit_is_replaced_by_ours(
    monkeypatch: pytest.MonkeyPatch, file_format: str
) -> None:
    data = encoded(Image.fromarray(COLOURS), file_format)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    monkeypatch.setattr("prnet.files.pixels._BAND", 2)  # of 96 pixels each
    assert load_image(data).shape == COLOURS.shape
    assert Image.MAX_IMAGE_PIXELS == 100


def test_heic() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    stream = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(COLOURS)).save(stream, quality=-1)
    assert np.abs(load_image(stream.getvalue()).astype(int) - COLOURS).max() <= 12


def test_heic_without_its_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    with pytest.raises(PrnetError, match=r"looks like HEIC: pip install pillow-heif"):
        load_image(b"\0\0\0\x18ftypheic" + bytes(99))


@pytest.mark.parametrize(
    ("head", "hint"),
    [
        (b"\0\0\0\x20ftypisom", "looks like a video"),
        (b"\x1a\x45\xdf\xa3\1\0\0\0", "looks like a video"),
        (b"RIFF\0\0\0\0AVI LIST", "looks like a video"),
        (b"\n<!DOCTYPE html><html>", "a web page"),
        (tiff(RAMP.astype(np.float64), BLACK_IS_ZERO), "a kind of TIFF that is not read"),
    ],
)
def test_other_files_get_the_sentence_that_helps(head: bytes, hint: str) -> None:
    with pytest.raises(PrnetError, match=hint):
        load_image(head + bytes(600))


def test_places_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(PrnetError, match=r"https://a\.org/b\.jpg: expected a file, got a URL"):
        load_image("https://a.org/b.jpg")
    with pytest.raises(PrnetError, match=r"https:/a\.org/b\.jpg: expected a file, got a URL"):
        load_image(Path("https://a.org/b.jpg"))
    with pytest.raises(PrnetError, match="standard input is /dev/stdin"):
        load_image("-")
