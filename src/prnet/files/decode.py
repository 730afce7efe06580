"""Files -> Pillow pictures: what is read, up to which size, and what to say about the rest."""

from __future__ import annotations

import io
import os
import re
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from hashlib import md5
from pathlib import Path
from typing import IO, Any, Final, cast

from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from prnet.errors import PrnetError, PrnetWarning, TooLargeError, reason_of

_FORMATS: Final[tuple[str, ...]] = (
    *("JPEG", "MPO", "PNG", "WEBP", "BMP", "DIB", "TIFF"),
    *("GIF", "PPM", "JPEG2000", "AVIF", "HEIF"),
)
"""Pillow decodes these by itself; EPS and the like would start other programs. HEIF is there
only where pillow-heif is installed."""

_OF_SEVERAL: Final = ("TIFF", "GIF", "PNG", "WEBP", "AVIF")
"""What may hold pages, or frames that move."""

_DENSE_FORMATS: Final = ("JPEG2000", "WEBP", "AVIF", "HEIF")

_LARGEST_STREAM: Final = 2**29
"""Bytes that are read from a pipe, which cannot say how many it has."""

_PIXELS_OF_A_BYTE: Final = 512
"""Huffman codes of JPEG take at least one bit for a block of 8 x 8 pixels, and no photo takes less
in another format. Headers that claim more pixels than that are refused before memory is laid out
for them (damage, and traps): JPEGs cannot hold them; other files may while they are small."""

_BEGINNING: Final = 4096
"""Bytes in which every compressed picture has some that no text has."""

_SMALL: Final = 2**24
"""Pixels of an empty picture that may be as short as its format can write it."""

_HEIC_BRANDS: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_VIDEO_BEGINNINGS: Final = (b"\x1a\x45\xdf\xa3", b"\0\0\x01\xba", b"\0\0\x01\xb3", b"FLV\1", b"G@")

_JPEG_END: Final = b"\xff\xd9"
_JPEG2000_EXIF: Final = (
    b"JpgTiffExif->JP2",
    bytes.fromhex("0537cdab9d0c4431a72afa561f2a113e"),
)
"""Identities of the box; the second is Adobe's."""

_LARGEST_EXIF: Final = 65_536

_NATIVE_ORDER: Final = {"F;32BF": "F;32NF", "I;32BS": "I;32NS", "I;16BS": "I;16NS"}
"""Pillow's names for layouts of pixels: in the file's order, in this machine's."""

_BIG_ENDIAN_NEGATIVE: Final[Any] = (
    (b"MM", 0, (1,), 1, (16,), ()),
    ("I;16B", "I;16B"),
)
"""White-is-zero greys of 16 bits, big-endian: the one combination that Pillow does not list."""

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
"""One slash is all that pathlib leaves of the two."""

_pillow_lock = threading.Lock()


def check_no_url(source: str | Path) -> None:
    """PrnetError for an address in place of a file."""
    if _URL.match(str(source)) and not Path(source).exists():
        raise PrnetError(f"{source}: expected a file, got a URL (download it first)")


@contextmanager
def open_file(source: str | Path) -> Iterator[IO[bytes]]:
    """A file's stream that can be searched: of pipes, what they have given until their end.
    What goes wrong with the file, also later in the block, is a PrnetError that names it."""
    path = Path(source)
    check_no_url(source)
    try:
        if path.is_dir():
            raise PrnetError(f"{path}: expected an image file, got a folder")
        with path.open("rb") as stream:
            yield stream if path.is_file() else _held(stream, path)
    except FileNotFoundError as error:
        hint = " (standard input is /dev/stdin)" if str(source) == "-" else ""
        raise PrnetError(f"{path}: expected an image file, got no such file{hint}") from error
    except (OSError, ValueError) as error:
        if isinstance(error, PrnetError):
            raise
        raise PrnetError(
            f"{path}: expected a readable image file, got: {reason_of(error)}"
        ) from error


def _held(stream: IO[bytes], path: Path) -> IO[bytes]:
    data = stream.read(_LARGEST_STREAM + 1)
    if len(data) > _LARGEST_STREAM:
        raise PrnetError(f"{path}: expected at most {_LARGEST_STREAM} bytes, got more")
    return io.BytesIO(data)


def is_picture(data: bytes) -> bool:
    """Whether bytes that may be text, too, a list of files say, are a picture."""
    if any(byte < 32 and byte not in b"\0\t\n\r" for byte in data[:_BEGINNING]):
        return True
    with suppress(PrnetError):
        return _identified(io.BytesIO(data), "-") is not None
    return False


@contextmanager
def opened(stream: IO[bytes], name: str, max_pixels: int) -> Iterator[Image.Image]:
    """The picture in a stream, its first frame decoded. What Pillow raises, also later in the
    block, is a PrnetError that names it."""
    length = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    if length == 0:
        raise PrnetError(f"{name}: expected an image file, got an empty file")
    picture = _identified(stream, name)
    width, height = picture.size
    if width * height > max_pixels:
        raise TooLargeError(
            f"{name}: expected at most {max_pixels} pixels, got {width}x{height} = "
            f"{width * height} (max_pixels, --max-pixels, raises the limit)"
        )
    jpeg = picture.format in ("JPEG", "MPO")
    dense = jpeg or (picture.format in _DENSE_FORMATS and width * height > _SMALL)
    try:
        if dense and width * height > length * _PIXELS_OF_A_BYTE:
            raise OSError(f"{length} bytes cannot hold its {width}x{height} pixels")
        try:
            # Of the formats that are read, Pillow holds its limit against TIFF a second time.
            with _without_limit() if picture.format == "TIFF" else nullcontext():
                picture.load()
        except OSError:
            whole = _with_end(stream, name) if jpeg else None
            if whole is None:
                raise
            picture = whole
        if _has_more_frames(picture):
            message = f"{name}: expected one picture, got several; the first is taken"
            warnings.warn(message, PrnetWarning, stacklevel=2)
        if picture.format == "JPEG2000" and (exif := _jpeg2000_exif(stream)):
            with suppress(Exception):  # a photo with broken EXIF data is still a photo
                picture.getexif().load(exif)
        yield picture
    except Exception as error:  # decoders raise anything on damaged data
        if isinstance(error, PrnetError):
            raise
        raise PrnetError(
            f"{name}: expected a whole {picture.format} image, got a truncated or damaged one "
            f"({reason_of(error)})"
        ) from error


def _identified(stream: IO[bytes], name: str) -> Image.Image:
    """Read the header only."""
    head = stream.read(512)
    Image.init()
    TiffImagePlugin.OPEN_INFO.setdefault(*_BIG_ENDIAN_NEGATIVE)
    heic = _is_heic(head) and _heif_is_registered()
    formats = [known for known in _FORMATS if known in Image.OPEN]
    with _without_limit():
        try:
            picture = Image.open(stream, formats=formats)
            return _mended_tiff(picture, stream) if picture.format == "TIFF" else picture
        except UnidentifiedImageError as error:
            raise PrnetError(
                f"{name}: expected an image (JPEG, PNG, WebP, BMP, TIFF, ...), got a file that "
                f"is none or whose beginning is damaged{'' if heic else _hint(head)}"
            ) from error
        except Exception as error:  # decoders raise anything on damaged data
            raise PrnetError(
                f"{name}: expected an image, got a damaged file ({reason_of(error)})"
            ) from error


@contextmanager
def _without_limit() -> Iterator[None]:
    """Ours replaces Pillow's, which is a global: one thread at a time."""
    with _pillow_lock:
        pillow_limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = pillow_limit


def _is_heic(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS


def _heif_is_registered() -> bool:
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def _hint(head: bytes) -> str:
    """What may help somebody whose file begins like this."""
    text = head.lstrip().lower()
    if _is_heic(head):
        return " (it looks like HEIC: pip install pillow-heif, or save it as JPEG)"
    if (
        head[4:8] in (b"ftyp", b"moov", b"mdat")
        or head.startswith(_VIDEO_BEGINNINGS)
        or (head.startswith(b"RIFF") and head[8:11] == b"AVI")
    ):
        return " (it looks like a video: prnet video takes those)"
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return " (a kind of TIFF that is not read: save it with 8 bits a colour)"
    if text.startswith((b"<!doctype html", b"<html")):
        return " (it is a web page)"
    return ""


def _mended_tiff(picture: Any, stream: IO[bytes]) -> Image.Image:
    """Kinds of TIFF that Pillow (13.0) gets wrong through one of its two ways to read them.

    Its own takes planes of 16 bits for planes of 8: libtiff has to read them. Behind libtiff it
    takes signed and float greys, which lie in this machine's order, to be in the file's.
    """
    planes = picture.tag_v2.get(TiffImagePlugin.PLANAR_CONFIGURATION) == 2
    deep = max(picture.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (1,))) > 8
    if planes and deep and picture.tile[0][0] == "raw":
        stream.seek(0)
        before, TiffImagePlugin.READ_LIBTIFF = TiffImagePlugin.READ_LIBTIFF, True
        try:
            picture = Image.open(stream, formats=["TIFF"])
        finally:
            TiffImagePlugin.READ_LIBTIFF = before
    picture.tile = [
        tile._replace(args=(_NATIVE_ORDER.get(tile.args[0], tile.args[0]), *tile.args[1:]))
        if tile.codec_name == "libtiff"
        else tile
        for tile in picture.tile
    ]
    return cast(Image.Image, picture)


def _with_end(stream: IO[bytes], name: str) -> Image.Image | None:
    """A JPEG of which only the end marker is missing: what follows makes no difference to it."""
    stream.seek(0)
    data = stream.read()
    if data.endswith(_JPEG_END):
        return None
    digests = []
    for filler in (bytes(range(1, 255)) * 8, b""):
        try:
            picture = Image.open(io.BytesIO(data + filler + _JPEG_END), formats=["JPEG"])
            digests.append(md5(picture.tobytes()).digest())
        except OSError:
            return None
    if digests[0] != digests[1]:
        return None
    message = f"{name}: the end of this JPEG is missing, its pixels are not"
    warnings.warn(message, PrnetWarning, stacklevel=2)
    return picture


def _has_more_frames(picture: Any) -> bool:
    """Of a loaded picture. Phones' MPO and HEIF hold parts of one photo."""
    with suppress(Exception):  # of what is damaged behind the first
        return picture.format in _OF_SEVERAL and bool(picture.is_animated)
    return False


def _jpeg2000_exif(stream: IO[bytes]) -> bytes:
    """What JPEG 2000 files keep in a box of their own, and Pillow does not look for."""
    start, end = 0, stream.seek(0, os.SEEK_END)
    while start + 8 <= end:
        stream.seek(start)
        length, kind = struct.unpack(">I4s", stream.read(8))
        if length == 1:
            (length,) = struct.unpack(">Q", stream.read(8).rjust(8, b"\0"))
        if kind == b"uuid" and stream.read(16) in _JPEG2000_EXIF:
            return stream.read(min(length, _LARGEST_EXIF))
        if length < 8:  # 0: until the end; less: no JPEG 2000 boxes
            break
        start += length
    return b""
