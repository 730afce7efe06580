"""Anything a user has becomes RGB uint8, or one clear line."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, features

from prnet.errors import PrnetError, PrnetWarning
from prnet.files.image import load_image, save_image

ORIENTATION_TAG = 0x0112


def encoded(picture: Image.Image, file_format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format=file_format, **options)
    return stream.getvalue()


@pytest.fixture(scope="module")
def colours() -> NDArray[np.uint8]:
    """(12, 16, 3): no symmetry, smooth enough for JPEG."""
    rows, columns = np.mgrid[:12, :16]
    return np.stack([columns * 15, rows * 20, 200 - columns * 5], axis=2).astype(np.uint8)


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats(colours: NDArray[np.uint8], file_format: str) -> None:
    loaded = load_image(encoded(Image.fromarray(colours), file_format))
    assert loaded.dtype == np.uint8
    np.testing.assert_array_equal(loaded, colours)


@pytest.mark.parametrize("file_format", ["JPEG", "WEBP"])
def test_lossy_formats(colours: NDArray[np.uint8], file_format: str) -> None:
    loaded = load_image(encoded(Image.fromarray(colours), file_format, quality=95))
    assert np.abs(loaded.astype(int) - colours).mean() < 4


def test_path_text_and_bytes_agree(tmp_path: Path, colours: NDArray[np.uint8]) -> None:
    path = tmp_path / "photo.png"
    save_image(path, colours)
    for source in (path, str(path), path.read_bytes()):
        np.testing.assert_array_equal(load_image(source), colours)


UPRIGHT_FROM_STORED = {
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.transpose(1, 0, 2),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: image[::-1, ::-1].transpose(1, 0, 2),
    8: lambda image: np.rot90(image),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_exif_orientation(colours: NDArray[np.uint8], orientation: int, file_format: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    loaded = load_image(encoded(Image.fromarray(colours), file_format, exif=exif))
    np.testing.assert_array_equal(loaded, UPRIGHT_FROM_STORED[orientation](colours))


def test_broken_exif_is_ignored(colours: NDArray[np.uint8]) -> None:
    data = encoded(Image.fromarray(colours), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff broken")
    assert load_image(data).shape == colours.shape


GREY = np.arange(0, 240, 20, dtype=np.uint8).reshape(3, 4)
GREY_RGB = np.repeat(GREY[:, :, None], 3, axis=2)


def test_grey_is_repeated() -> None:
    np.testing.assert_array_equal(load_image(encoded(Image.fromarray(GREY), "PNG")), GREY_RGB)


def test_one_bit() -> None:
    data = encoded(Image.fromarray(GREY > 100), "PNG")
    np.testing.assert_array_equal(load_image(data)[:, :, 1], np.where(GREY > 100, 255, 0))


def test_palette(colours: NDArray[np.uint8]) -> None:
    picture = Image.fromarray(colours).quantize(64)
    loaded = load_image(encoded(picture, "PNG"))
    np.testing.assert_array_equal(loaded, np.asarray(picture.convert("RGB")))


def test_transparent_palette_entry_is_white() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putpixel((1, 0), 1)
    for file_format in ("PNG", "GIF"):
        loaded = load_image(encoded(picture, file_format, transparency=0))
        assert loaded.tolist() == [[[255, 255, 255], [40, 50, 60]]]


def test_cmyk() -> None:
    inks = np.zeros((8, 16, 4), np.uint8)
    inks[:, 8:, 1:3] = 255  # magenta and yellow make red
    picture = Image.fromarray(inks, "CMYK")
    for file_format in ("JPEG", "TIFF"):
        loaded = load_image(encoded(picture, file_format))
        assert np.abs(loaded[4, 2].astype(int) - [255, 255, 255]).max() < 6
        assert np.abs(loaded[4, 13].astype(int) - [255, 0, 0]).max() < 6


def test_alpha_lies_over_white(colours: NDArray[np.uint8]) -> None:
    alpha = np.linspace(0, 255, colours[:, :, 0].size).reshape(colours.shape[:2])
    alpha = np.rint(alpha)[:, :, None]
    rgba = np.concatenate([colours, alpha.astype(np.uint8)], axis=2)
    expected = colours * (alpha / 255) + 255 * (1 - alpha / 255)
    for source in (encoded(Image.fromarray(rgba), "PNG"), rgba):
        assert np.abs(load_image(source) - expected).max() <= 0.5 + 1e-9
    grey_alpha = encoded(Image.fromarray(rgba[:, :, [0, 3]], "LA"), "PNG")
    assert np.abs(load_image(grey_alpha)[:, :, 2] - expected[:, :, 0]).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled(file_format: str) -> None:
    values = np.array([[0, 257, 128, 129, 30000, 65535]], np.uint16)
    loaded = load_image(encoded(Image.fromarray(values), file_format))
    assert loaded[0, :, 0].tolist() == [0, 1, 0, 1, 117, 255]
    np.testing.assert_array_equal(load_image(values), loaded)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 128.0, 200.0], [0, 128, 200]),
        ([0.0, 30000.0, 65535.0], [0, 117, 255]),
        ([-10.0, 0.0, 10.0], [0, 128, 255]),
        ([0.0, 1e5, 1e6], [0, 26, 255]),
        ([0.0, np.nan, 1.0], [0, 0, 255]),
        ([0.0, 0.0, 0.0], [0, 0, 0]),
        ([-3.0, -3.0, -3.0], [0, 0, 0]),
    ],
)
def test_float_grey_files_are_scaled(values: list[float], expected: list[int]) -> None:
    data = encoded(Image.fromarray(np.array([values], np.float32)), "TIFF")
    assert load_image(data)[0, :, 0].tolist() == expected


def test_first_of_several_frames(colours: NDArray[np.uint8]) -> None:
    first, second = Image.fromarray(colours), Image.fromarray(255 - colours)
    for file_format in ("TIFF", "PNG", "GIF", "WEBP", "AVIF"):
        if file_format == "AVIF" and not features.check("avif"):
            continue
        lossless = {"lossless": True} if file_format == "WEBP" else {}
        data = encoded(first, file_format, save_all=True, append_images=[second], **lossless)
        with pytest.warns(PrnetWarning, match="image bytes: expected one picture, got several; th"):
            loaded = load_image(data)
        if file_format in ("TIFF", "PNG", "WEBP"):
            np.testing.assert_array_equal(loaded, colours)
        assert np.abs(loaded.astype(int) - colours).mean() < 10


def test_parts_of_one_photo_are_read_without_a_word(colours: NDArray[np.uint8]) -> None:
    picture = Image.fromarray(colours)
    data = encoded(picture, "MPO", save_all=True, append_images=[picture])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_image(data)


def test_arrays(colours: NDArray[np.uint8]) -> None:
    assert np.shares_memory(load_image(colours), colours)
    np.testing.assert_array_equal(load_image(colours), colours)
    np.testing.assert_array_equal(load_image(colours / 255.0), colours)
    np.testing.assert_array_equal(load_image((colours / 255).astype(np.float32)), colours)
    np.testing.assert_array_equal(load_image(colours.astype(np.uint16) * 257), colours)
    np.testing.assert_array_equal(load_image(GREY), GREY_RGB)
    np.testing.assert_array_equal(load_image(GREY[:, :, None]), GREY_RGB)
    assert load_image(colours[::2, ::-1]).flags.c_contiguous


@pytest.mark.parametrize(
    ("array", "complaint"),
    [
        (np.zeros((4, 4, 2), np.uint8), r"got \(4, 4, 2\)"),
        (np.zeros((2, 4, 4, 3), np.uint8), r"got \(2, 4, 4, 3\)"),
        (np.zeros(4, np.uint8), r"got \(4,\)"),
        (np.zeros((0, 4, 3), np.uint8), r"got \(0, 4, 3\)"),
        (np.zeros((4, 4), np.int32), "got int32"),
        (np.zeros((4, 4), bool), "got bool"),
        (np.full((4, 4), 255.0), r"0\.\.1, got 255\.\.255"),
        (np.full((4, 4), -0.5), r"0\.\.1, got -0\.5"),
        (np.full((4, 4), np.nan), r"0\.\.1, got nan"),
        (None, "got NoneType"),
    ],
)
def test_other_arrays_are_refused(array: Any, complaint: str) -> None:
    with pytest.raises(PrnetError, match=complaint):
        load_image(array)


def complaint_about(path: Path, **options: Any) -> str:
    with pytest.raises(PrnetError) as caught:
        load_image(path, **options)
    message = str(caught.value)
    assert message.startswith(f"{path}: expected ")
    assert "\n" not in message
    return message


def test_files_that_are_no_images(tmp_path: Path) -> None:
    assert "no such file" in complaint_about(tmp_path / "missing.jpg")
    assert "a folder" in complaint_about(tmp_path)
    for name, content, complaint in [
        ("empty.jpg", b"", "an empty file"),
        ("text.jpg", b"Dear all,\n" * 100, "got a file that is none"),
        (
            "page.eps",
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
            "got a file that is none",
        ),
    ]:
        (tmp_path / name).write_bytes(content)
        assert complaint in complaint_about(tmp_path / name)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_truncated_files(
    tmp_path: Path, sample_image: NDArray[np.uint8], file_format: str, share: float
) -> None:
    data = encoded(Image.fromarray(sample_image[:200, :200]), file_format)
    path = tmp_path / "photo"
    path.write_bytes(data[: int(len(data) * share)])
    assert "damaged" in complaint_about(path)


def test_bombs_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    data = bytearray(encoded(Image.new("1", (8, 8)), "PNG"))
    data[16:24] = struct.pack(">II", 20_000, 20_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)
    limit = Image.MAX_IMAGE_PIXELS
    message = complaint_about(path)
    assert "20000x20000" in message
    assert "(max_pixels, --max-pixels, raises" in message
    assert limit == Image.MAX_IMAGE_PIXELS


def test_the_limit_can_be_moved(tmp_path: Path, colours: NDArray[np.uint8]) -> None:
    path = tmp_path / "photo.png"
    save_image(path, colours)
    assert load_image(path, max_pixels=192).shape == (12, 16, 3)
    assert "at most 191 pixels, got 16x12 = 192" in complaint_about(path, max_pixels=191)


def test_one_pixel() -> None:
    assert load_image(encoded(Image.new("RGB", (1, 1), (1, 2, 3)), "PNG")).tolist() == [[[1, 2, 3]]]


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".bmp", ".tif", ".tiff"])
def test_saved_colours_come_back(tmp_path: Path, colours: NDArray[np.uint8], suffix: str) -> None:
    path = tmp_path / f"image{suffix}"
    save_image(path, colours)
    np.testing.assert_array_equal(load_image(path), colours)
    assert list(tmp_path.iterdir()) == [path]


def test_saved_greys_keep_their_bits(tmp_path: Path) -> None:
    deep = np.array([[0, 1, 257, 40000, 65535]], np.uint16)
    pictures: dict[str, Any] = {"8.png": GREY, "16.png": deep, "16.tif": deep}
    for name, values in pictures.items():
        save_image(tmp_path / name, values)
        with Image.open(tmp_path / name) as picture:
            np.testing.assert_array_equal(np.asarray(picture), values)


@pytest.mark.parametrize(
    ("name", "image", "complaint"),
    [
        ("a.xyz", GREY, "suffix out of"),
        ("a", GREY, "suffix out of"),
        ("a.jpg", GREY.astype(np.uint16), "16-bit"),
        ("a.jpg", np.zeros((2, 2, 4), np.uint8), "RGBA"),
        ("a.png", GREY.astype(float), "float64"),
        ("a.png", np.zeros((2, 2, 3), np.uint16), "uint16"),
        ("a.png", np.zeros((0, 2, 3), np.uint8), r"\(0, 2, 3\)"),
    ],
)
def test_unsavable_images_leave_no_file(
    tmp_path: Path, name: str, image: NDArray[Any], complaint: str
) -> None:
    with pytest.raises(PrnetError, match=complaint):
        save_image(tmp_path / name, image)
    assert list(tmp_path.iterdir()) == []


def test_signalling_nan_is_no_warning(tmp_path: Path) -> None:
    grey = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4)
    Image.fromarray(grey).save(tmp_path / "a.tif")
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(data.replace(grey[1, 1].tobytes(), b"\x01\x00\x80\x7f"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = load_image(tmp_path / "a.tif")
    assert image[1, 1].tolist() == [0, 0, 0]
