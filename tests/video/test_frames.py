"""Films in and out: what is written is read back, and what is damaged is said."""

from __future__ import annotations

import io
import os
import re
import struct
import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from full_disk import full_disk
from made_film import ground, write_film

from prnet.errors import PrnetError, PrnetWarning
from prnet.files.atomic import write_bytes
from prnet.video.frames import Frame, import_av, read_film, read_frames
from prnet.video.write import film_writer

av = pytest.importorskip("av")

QUARTER_TURN = (0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
"""Matrix of mp4's track header: shown clockwise by 90 degrees (x = -b y, y = a x)."""


def marked(number: int, width: int = 64, height: int = 48) -> np.ndarray:
    """A frame whose grey says its number; its upper left corner is white."""
    frame = np.full((height, width, 3), 20 + 3 * number, np.uint8)
    frame[:16, :16] = 255
    return frame


def read_number(image: np.ndarray) -> int:
    return round((float(image[24:].mean()) - 20) / 3)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """60 numbered frames, 25 a second."""
    return write_film(tmp_path / "film.mp4", map(marked, range(60)))


@pytest.fixture
def noisy(tmp_path: Path) -> Path:
    """50 frames of noise, which make a large file, with a key frame every 10."""
    path, random = tmp_path / "noise.mp4", np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"g": "10", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(50):
            image = random.integers(0, 256, (48, 64, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def test_what_is_written_is_read(film: Path) -> None:
    told = read_film(film)
    assert (told.width, told.height, told.rotation, told.sound) == (64, 48, 0, False)
    assert told.rate == 25
    assert told.seconds == pytest.approx(60 / 25)
    frames = list(read_frames(film))
    assert [read_number(frame.image) for frame in frames] == [*range(60)]
    np.testing.assert_allclose([frame.seconds for frame in frames], np.arange(60) / 25, atol=1e-4)


def test_uneven_times_and_odd_sides(tmp_path: Path) -> None:
    times = [0.0, 0.01, 0.5, 1.7]
    with film_writer(tmp_path / "a.mp4", rate=Fraction(30)) as writer:
        for seconds in times:
            writer.write(marked(9, 63, 47), seconds)
    frames = list(read_frames(tmp_path / "a.mp4"))
    assert [frame.seconds for frame in frames] == pytest.approx(times, abs=1e-4)
    assert frames[0].image.shape == (48, 64, 3)
    assert read_number(frames[3].image) == 9


def test_from_start_to_end(film: Path) -> None:
    frames = list(read_frames(film, start=1.0, end=1.4))
    assert [read_number(frame.image) for frame in frames] == [*range(25, 35)]
    assert frames[0].seconds == pytest.approx(1.0)
    with pytest.raises(PrnetError, match=r"expected frames from 9 s on, got none"):
        next(read_frames(film, start=9.0))


@pytest.mark.parametrize("kind", ["mpegts", "mpeg", "h264"])
def test_a_start_between_key_frames_of_streams_without_an_index(kind: str, tmp_path: Path) -> None:
    """FFmpeg seeks to any picture there, and nowhere in bare ones: nothing may be missing."""
    path = tmp_path / "film"
    with av.open(str(path), "w", format=kind) as container:
        stream = container.add_stream("libx264", rate=25, options={"g": "20", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(70):
            image = av.VideoFrame.from_ndarray(marked(number), format="rgb24")
            container.mux(stream.encode(image))
        container.mux(stream.encode())
    for start in (0.3, 1.5, 2.5):
        frames = list(read_frames(path, start=start - 0.001, end=start + 0.239))
        assert frames[0].seconds == pytest.approx(start, abs=0.04)
        first = round(frames[0].seconds * 25)
        assert [read_number(frame.image) for frame in frames] == [*range(first, first + 6)]


def test_no_frame_comes_before_the_begin_nor_twice(tmp_path: Path) -> None:
    """FFmpeg rounds the begin, here up, so that all seem to come a third of a microsecond early."""
    path = tmp_path / "film.ts"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(30):
            image = av.VideoFrame.from_ndarray(marked(number), format="rgb24")
            container.mux(stream.encode(image))
        container.mux(stream.encode())
    with av.open(str(path)) as container:
        first = next(container.decode(video=0))
        assert first.time < container.start_time / 1e6, "else this says nothing"
    assert f"{next(read_frames(path)).seconds:.6f}" == "0.000000"
    for cut in (0.1, 0.5):
        before, after = list(read_frames(path, end=cut)), list(read_frames(path, start=cut))
        assert [read_number(frame.image) for frame in (*before, *after)] == [*range(30)]
        assert after[0].seconds == cut


def turn(film: Path, matrix: tuple[int, ...]) -> None:
    """Change the matrix by which players show the film."""
    data = bytearray(film.read_bytes())
    header = data.rfind(b"tkhd") + 44  # of version 0: type, flags, times, numbers, volume
    assert struct.unpack(">9i", data[header : header + 36])[0] == 1 << 16
    data[header : header + 36] = struct.pack(">9i", *matrix)
    film.write_bytes(data)


@pytest.mark.parametrize(
    ("matrix", "corner"),
    [
        ((-1, 0, 0, 0, 1), (slice(14), slice(-14, None))),
        ((1, 0, 0, 0, -1), (slice(-14, None), slice(14))),
        ((0, 1, 0, 1, 0), (slice(14), slice(14))),
        ((0, -1, 0, -1, 0), (slice(-14, None), slice(-14, None))),
    ],
)
def test_a_mirrored_film_is_read_as_it_is_shown(
    film: Path, matrix: tuple[int, ...], corner: tuple[slice, slice]
) -> None:
    turn(film, (*(number << 16 for number in matrix), 0, 0, 0, 1 << 30))
    image = next(read_frames(film)).image
    assert image.shape == ((48, 64, 3) if matrix[0] else (64, 48, 3))
    white = image.mean(axis=2) > 200
    assert white[corner].all()
    assert white.mean() < 0.15


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    """It is read only once: the second look would wait for ever."""
    pipe = tmp_path / "film.mp4"
    os.mkfifo(pipe)
    Thread(target=pipe.write_bytes, args=(b"",), daemon=True).start()
    with pytest.raises(PrnetError, match=r"film\.mp4: expected a film in a file, got a pipe"):
        read_film(pipe)


def test_a_turned_film_stands_upright(film: Path) -> None:
    turn(film, QUARTER_TURN)
    told, frame = read_film(film), next(read_frames(film))
    assert (told.width, told.height) == (48, 64)
    assert frame.image.shape == (64, 48, 3)
    white = frame.image.mean(axis=2) > 200
    assert white[:14, -14:].all(), "the left corner is the right one after the turn"
    assert white.mean() < 0.15


def test_another_size_in_the_middle_is_fitted_into_the_first(tmp_path: Path) -> None:
    """As a recorded call has where the line gets worse, or somebody turns the phone."""
    path = tmp_path / "a.ts"
    for width, height in ((64, 48), (96, 72), (48, 96)):
        part = io.BytesIO()
        with av.open(part, "w", format="mpegts") as container:
            stream = container.add_stream("libx264", rate=25, options={"bf": "0"})
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for number in range(4):
                image = np.full((height, width, 3), 50 + 30 * number, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode())
        with path.open("ab") as file:
            file.write(part.getvalue())
    frames = [frame.image for frame in read_frames(path)]
    assert {image.shape for image in frames} == {(48, 64, 3)}
    middle = [round(float(image[:, 24:40].mean()) / 10) for image in frames]
    assert middle == [5, 8, 11, 14] * 3
    assert all(image[:, :18].max() < 30 for image in frames[8:]), (
        "beside a tall picture it is black"
    )


def test_a_damaged_middle_is_left_out_and_said(noisy: Path) -> None:
    data = bytearray(noisy.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    noisy.write_bytes(data)
    said = r"damaged: between [01]\.\d\d and [01]\.\d\d s"
    with pytest.warns(PrnetWarning, match=said):
        list(read_frames(noisy, end=1.9))
    with pytest.warns(PrnetWarning, match=said):
        frames = list(read_frames(noisy))
    seconds = [frame.seconds for frame in frames]
    assert 30 <= len(frames) < 50
    assert seconds[0] == 0
    assert seconds[-1] == pytest.approx(49 / 25)


def test_a_missing_end_is_said(film: Path, tmp_path: Path) -> None:
    """Of a film whose header came first, as for the web, and whose download stopped."""
    cut = tmp_path / "cut.mkv"
    with av.open(str(film)) as source, av.open(str(cut), "w") as copy:
        copied = copy.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = copied
                copy.mux(packet)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(read_frames(cut))) == 60
    cut.write_bytes(cut.read_bytes()[: -cut.stat().st_size // 2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(read_frames(cut, end=0.2))
    with pytest.warns(PrnetWarning, match=r"ends at [01]\.\d\d s, its header says 2\.40"):
        assert len(list(read_frames(cut))) < 48


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "libx264"), ("a.avi", "mpeg4")])
def test_a_missing_end_of_a_film_with_sound_is_said(name: str, codec: str, tmp_path: Path) -> None:
    """Sound lasts longer than the pictures, which is no loss, and hides how long those should."""
    path, random = tmp_path / name, np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("mp2", rate=16000, layout="mono")
        for number in range(50):
            image = random.integers(0, 256, (48, 64, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            silence = np.zeros((1, 1280), np.int16)  # twice as long as a frame
            frame = av.AudioFrame.from_ndarray(silence, format="s16", layout="mono")
            frame.sample_rate, frame.pts = 16000, 1280 * number
            container.mux(sound.encode(frame))
        container.mux([*stream.encode(), *sound.encode()])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(read_frames(path))) == 50
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.warns(PrnetWarning) as told:
        assert 5 < len(list(read_frames(path))) < 38
    assert re.search(r"ends at [01]\.\d\d s, its header says 2\.0", str(told[-1].message))


def test_times_of_damage_count_from_the_films_begin(noisy: Path, tmp_path: Path) -> None:
    """As those of frames do, in a film that begins at 10 s; two places are said as two."""
    late = tmp_path / "a.mkv"
    with av.open(str(noisy)) as source, av.open(str(late), "w") as copy:
        copied = copy.add_stream_from_template(source.streams.video[0])
        packets = [packet for packet in source.demux(video=0) if packet.size]
        for number, packet in enumerate(packets):
            moved = av.Packet(bytes(packet.size) if number in (0, 40) else bytes(packet))
            later = int(10 / packet.time_base)
            moved.pts, moved.dts = packet.pts + later, packet.dts + later
            moved.time_base, moved.is_keyframe = packet.time_base, packet.is_keyframe
            moved.stream = copied
            copy.mux(moved)
    with pytest.warns(PrnetWarning, match="damaged: ") as told:
        frames = list(read_frames(late))
    assert frames[0].seconds < 0.1
    damage = re.findall(r"between (\S+) and (\S+) s", str(told[0].message))
    begins, ends = (np.array(column, float) for column in zip(*damage, strict=True))
    np.testing.assert_allclose(begins, [0, 1.6], atol=0.2)
    assert (begins < ends).all()
    assert (ends < begins + 0.5).all()


def test_a_film_that_is_being_written_is_playable(tmp_path: Path) -> None:
    """As when the program is killed; what nobody finished goes by no name of ours."""
    with film_writer(tmp_path / "a.mp4") as writer:
        for number in range(100):
            writer.write(ground(160, 120), number / 25)
        (growing,) = tmp_path.iterdir()
        assert growing.name != "a.mp4"
        (tmp_path / "part.mp4").write_bytes(growing.read_bytes())
    assert 25 <= len(list(read_frames(tmp_path / "part.mp4"))) < 100
    assert len(list(read_frames(tmp_path / "a.mp4"))) == 100
    assert boxes_of(tmp_path / "part.mp4") >= {b"moof"}
    assert boxes_of(tmp_path / "a.mp4") == {b"ftyp", b"mdat", b"moov"}, "an ordinary mp4"


def boxes_of(path: Path) -> set[bytes]:
    """Names of the outermost parts of an mp4 but for gaps; those of a last one that is cut."""
    data, place, names = path.read_bytes(), 0, set()
    while place + 8 <= len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        if size == 1:
            size = int.from_bytes(data[place + 8 : place + 16], "big")
        names.add(data[place + 4 : place + 8])
        place += size or len(data)
    return names - {b"free", b"mfra"}


def test_nothing_is_left_where_the_block_raises(tmp_path: Path) -> None:
    def breaking() -> Iterator[np.ndarray]:
        yield marked(0)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_film(tmp_path / "a.mp4", breaking())
    assert [*tmp_path.iterdir()] == []


def test_a_full_disk_leaves_what_is_playable(tmp_path: Path) -> None:
    random, path = np.random.default_rng(0), tmp_path / "a.mp4"
    noise = (random.integers(0, 256, (120, 160, 3), np.uint8) for _ in range(200))
    says = r"a\.mp4: expected a place that can be written"
    with full_disk(400_000), pytest.raises(PrnetError, match=says):
        write_film(path, noise)
    assert 10 < len(list(read_frames(path))) < 200
    assert [*tmp_path.iterdir()] == [path]


def test_a_disk_that_others_fill_leaves_the_film(tmp_path: Path) -> None:
    """The tables of a film are written when all its frames are there."""

    def write() -> None:
        with film_writer(tmp_path / "a.mp4") as writer:
            for number in range(30):
                writer.write(marked(number), number / 25)
            with full_disk(100_000):
                write_bytes(tmp_path / "table.bin", bytes(200_000))

    with pytest.raises(PrnetError, match=r"table\.bin: expected a place that can be written"):
        write()
    assert len(list(read_frames(tmp_path / "a.mp4"))) == 30
    assert [*tmp_path.iterdir()] == [tmp_path / "a.mp4"]


def test_a_full_disk_from_the_start_leaves_nothing(tmp_path: Path) -> None:
    with full_disk(), pytest.raises(PrnetError, match="expected a place that can be written"):
        write_film(tmp_path / "a.mp4", [ground(160, 120)] * 60)
    assert [*tmp_path.iterdir()] == []


def test_the_sound_comes_along(tmp_path: Path) -> None:
    """The same packets at the same times, from that nearest to ``start`` on."""
    path = tmp_path / "loud.mp4"
    write_sound(path)
    for start in (0.0, 1.0):
        copy = tmp_path / "copy.mp4"
        with film_writer(copy, sound_of=path, start=start) as writer:
            for number in range(50):
                writer.write(marked(number), number / 25)
        original, copied = sound_packets(path), sound_packets(copy)
        begin = min(original, key=lambda t: abs(t - start))
        assert min(copied) == 0
        assert copied[0.0] == original[begin]
        second = sorted(copied)[1]
        assert second + start == pytest.approx(min(t for t in original if t > begin), abs=0.001)
        assert 2 - 0.024 < max(copied) < 2, "the last picture's sound, too"
        assert {*copied.values()} <= {*original.values()}


def write_sound(path: Path, seconds: float = 4.0) -> None:
    """Noise, in AAC, beside a black film."""
    random, rate = np.random.default_rng(0), 44_100
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("libx264", rate=25)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("aac", rate=rate)
        frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
        container.mux(pictures.encode(frame))
        container.mux(pictures.encode())
        for first in range(0, int(seconds * rate), 1024):
            samples = random.uniform(-0.5, 0.5, (1, 1024)).astype(np.float32)
            piece = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            piece.sample_rate, piece.pts = rate, first
            container.mux(sound.encode(piece))
        container.mux(sound.encode())


@pytest.mark.parametrize(
    ("width", "told", "matrix"),
    [(64, None, "ITU601"), (64, 1, "ITU709"), (1280, None, "ITU709"), (1280, 5, "ITU601")],
)
def test_colours_are_those_that_players_show(
    width: int, told: int | None, matrix: str, tmp_path: Path
) -> None:
    """Read so, and written as HD's, which the film tells."""
    path, copy = tmp_path / "a.mp4", tmp_path / "copy.mp4"
    picture = np.full((48, width, 3), (30, 180, 60), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, 48, "yuv420p"
        if told is not None:
            stream.codec_context.colorspace = told
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        container.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace=matrix)))
        container.mux(stream.encode())
    read = next(read_frames(path)).image
    np.testing.assert_allclose(read[24, 24], (30, 180, 60), atol=3)
    with film_writer(copy) as writer:
        writer.write(read, 0.0)
    with av.open(str(copy)) as container:
        (frame,) = container.decode(video=0)
    assert frame.colorspace == 1
    shown = frame.reformat(format="rgb24", src_colorspace="ITU709").to_ndarray()
    np.testing.assert_allclose(shown[24, 24], (30, 180, 60), atol=5)


@pytest.mark.parametrize(("ending", "layout"), [("avi", "stereo"), ("mkv", "5.1")])
def test_sound_of_untold_loudspeakers_comes_along(ending: str, layout: str, tmp_path: Path) -> None:
    """PCM, as screen recorders and old cameras write it."""
    path, copy = tmp_path / f"loud.{ending}", tmp_path / "copy.mp4"
    write_pcm(path, layout)
    with film_writer(copy, sound_of=path) as writer:
        for number in range(25):
            writer.write(marked(number), number / 25)
    with av.open(str(copy)) as container:
        assert container.streams.audio[0].layout.name == layout
        assert sum(frame.samples for frame in container.decode(audio=0)) > 40_000


def write_pcm(path: Path, layout: str, seconds: float = 1.0) -> None:
    """Numbered frames beside silence."""
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("mpeg4", rate=25)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("mp2" if path.suffix == ".ts" else "pcm_s16le", rate=44_100)
        sound.layout = layout
        size = sound.codec_context.frame_size or 1024
        silence = np.zeros((1, size * len(sound.layout.channels)), np.int16)
        for number in range(round(25 * seconds)):
            frame = av.VideoFrame.from_ndarray(marked(number), format="rgb24")
            container.mux(pictures.encode(frame))
        container.mux(pictures.encode())
        for first in range(0, int(44_100 * seconds), size):
            piece = av.AudioFrame.from_ndarray(silence, format="s16", layout=layout)
            piece.sample_rate, piece.pts = 44_100, first
            container.mux(sound.encode(piece))
        container.mux(sound.encode())


def test_times_of_joined_films_go_on(tmp_path: Path) -> None:
    """`cat a.ts b.ts`, where the clock begins again; the sound, too."""
    parts = [tmp_path / f"{number}.ts" for number in range(3)]
    for part, seconds in zip(parts, (1.0, 2.0, 1.0), strict=True):
        write_pcm(part, "stereo", seconds)
    path, copy = tmp_path / "joined.ts", tmp_path / "copy.mp4"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    with pytest.warns(PrnetWarning, match=r"the clock goes back at 1\.\d+ s: times go on") as told:
        frames = list(read_frames(path))
    assert len(told) == 1
    times = [frame.seconds for frame in frames]
    assert len(times) == 100
    assert np.diff(times).min() > 0.01
    assert times[-1] == pytest.approx(4.0, abs=0.2)
    with film_writer(copy, sound_of=path) as writer:
        for frame in frames:
            writer.write(frame.image, frame.seconds)
    assert max(sound_packets(copy)) == pytest.approx(4.0, abs=0.2)


def sound_packets(path: Path) -> dict[float, bytes]:
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(container.streams.audio[0]) if p.pts is not None]
        return {float(p.pts * p.time_base): bytes(p) for p in packets if p.pts >= 0}


def test_a_films_address_is_told_from_a_file() -> None:
    with pytest.raises(PrnetError, match="expected a file, got a URL"):
        read_film("https://example.org/film.mp4")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("missing.mp4", None, "expected a film, got no such file"),
        ("text.mp4", b"no film" * 100, "expected a film, got: Invalid data"),
        ("empty.mp4", b"", "expected a film, got: "),
    ],
)
def test_what_is_no_film_is_one_line(
    name: str, content: bytes | None, says: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PrnetError, match=says):
        read_film(path)


def test_sound_alone_is_no_film(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=44_100)
        piece = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        piece.sample_rate = 44_100
        container.mux(sound.encode(piece))
        container.mux(sound.encode())
    with pytest.raises(PrnetError, match="expected a film, got sound alone"):
        read_film(path)


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(PrnetError, match=r"expected the package 'av'.*\[video\]"):
        import_av()


def test_a_whole_film_warns_of_nothing(film: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert all(isinstance(frame, Frame) for frame in read_frames(film))
