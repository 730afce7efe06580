"""The Chinese of the errors that a newcomer meets, as the commands print it."""

from __future__ import annotations

import ast
import json
import re
import shlex
import sys
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from house import HOUSE, module_name, room_of
from PIL import Image

from prnet.cli import COMMANDS, main
from prnet.files.streams import say
from prnet.words import TABLE, language_of, speak, translated

RECONSTRUCT = "reconstruct -o out "

LINES: dict[str, str] = json.loads(TABLE.read_bytes())["lines"]
WORDS: dict[str, str] = json.loads(TABLE.read_bytes())["words"]

FRAMED = {"facemesh", "facemodel", "geometry", "layout", "mapped", "network", "training"}
"""Rooms whose errors somebody meets who is no newcomer any more: in Chinese by the frame alone."""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("folder", "model"):
        Path(folder).mkdir()
    Image.new("RGB", (64, 64), (90, 90, 90)).save("grey.png")
    Path("text.jpg").write_text("no picture")
    Path("empty.jpg").touch()
    Path("x.onnx").write_text("no network")
    Path("film.jpg").write_bytes(b"\0\0\0\x20ftypisom" + bytes(64))


def said(call: str, capsys: pytest.CaptureFixture[str]) -> str:
    with suppress(SystemExit):
        main(shlex.split(call))
    captured = capsys.readouterr()
    return captured.err + captured.out


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (RECONSTRUCT + "--box 9,9,50,50 grey.png", "：可能不是人脸 -> grey"),
        (RECONSTRUCT + "none.jpg", "prnet reconstruct: none.jpg：找不到这个文件\n"),
        (RECONSTRUCT + "text.jpg", "prnet reconstruct: text.jpg：不是图像，或文件开头已损坏"),
        (RECONSTRUCT + "empty.jpg", "prnet reconstruct: empty.jpg：文件是空的，需要图像文件\n"),
        (
            RECONSTRUCT + "film.jpg",
            "TIFF 等）（看起来是视频，请用 prnet video）\n",
        ),
        (RECONSTRUCT + "grey.png --largest --max-faces 2", "--max-faces 不能和 --largest 同时使用"),
        (
            RECONSTRUCT + "grey.png --device directml",
            "不支持 directml：在没有其他 onnxruntime 的环境里 pip install onnxruntime-directml",
        ),
        (RECONSTRUCT + "folder", "prnet reconstruct: folder：文件夹里没有图像\n"),
        (RECONSTRUCT + "'n*.png'", "prnet reconstruct: n*.png：没有匹配的文件\n"),
        (RECONSTRUCT + "http://a.b/c.jpg", "c.jpg：这是网址，请先下载成文件\n"),
        (RECONSTRUCT + "grey.png", "grey.png：没有找到人脸\n给出照片 1 张，人脸 0 张"),
        ("demo -i folder -o out", "prnet demo: folder：文件夹里没有图像\n"),
        ("demo -i none -o out", "prnet demo: none：找不到照片文件夹\n"),
        ("demo -o out", "prnet demo: TestImages：找不到照片文件夹（-i 文件夹）\n"),
        ("demo --isKpt maybe", "选项 --isKpt 需要 True 或 False，得到的是 'maybe'（用法见"),
        ("nope", "prnet: 没有 'nope' 这个命令，可用的有 "),
        (RECONSTRUCT + "grey.png --save ''", "有一个参数是空的"),
        (RECONSTRUCT + "grey.png --save expression", "还需要 --expression-model 文件\n"),
        (
            RECONSTRUCT + "grey.png --save obj --topology quads --triangles 9",
            "--triangles 和 --topology quads 不能同时使用\n",
        ),
        (RECONSTRUCT + "grey.png --box 1,2,3,4 --detector yunet", "给了 --box 就不用检测器"),
        ("evaluate x.onnx", "需要文件夹、.csv 或 labels.npz，得到的是 别的文件\n"),
        (
            "dataset folder -o out",
            "Parquet 文件或视频（--recursive 也看子文件夹）\n",
        ),
        ("evaluate none.npz", "none.npz：找不到这个文件，需要 prnet label 生成的 labels.npz\n"),
        ("prepare folder -o out", "prnet prepare: folder：不能读取这个文件：这是文件夹\n"),
        ("prepare none -o out", "none：不能读取这个文件：没有这个文件或文件夹\n"),
        (
            RECONSTRUCT + "grey.png --expression-model text.jpg",
            "text.jpg：不是 .npz 文件，需要 prnet facemodel expression 生成的表情模型\n",
        ),
        ("import-checkpoint folder folder -o out", "face_ind.txt：找不到这个文件，需要数字的"),
        ("reconstruct grey.png -o text.jpg", "text.jpg：这是文件，结果需要一个文件夹\n"),
        (
            "reconstruct grey.png -o text.jpg/out",
            "/out：不能建立存放结果的文件夹：路径中有一段是文件，",
        ),
        (RECONSTRUCT + "grey.png --model model", "network.onnx：找不到模型文件（network）\n"),
        (
            RECONSTRUCT + "grey.png --detector yunet",
            "检测器 'yunet' 需要模型文件（--detector-model 文件）\n",
        ),
        (
            RECONSTRUCT + "grey.png --detector yunet --detector-model none.onnx",
            "none.onnx：找不到 'yunet' 的模型文件\n",
        ),
        (
            RECONSTRUCT + "grey.png --detector yunet --detector-model x.onnx",
            "x.onnx：不是 ONNX 模型（YuNet）：",
        ),
        (
            RECONSTRUCT + "grey.png --detector nope",
            "prnet reconstruct: 选项 --detector 没有 'nope' 这个值，可用的有 ",
        ),
        (RECONSTRUCT + "grey.png --save nope", "选项 --save 没有 'nope' 这个值，可用的有 obj,"),
        (RECONSTRUCT + "grey.png --max-faces x", "选项 --max-faces 需要正整数，得到的是 'x'"),
        (RECONSTRUCT + "grey.png --box 1,2", "--box 需要 X0,Y0,X1,Y1 四个数"),
        (
            RECONSTRUCT + "grey.png --box 9,9,1,1",
            "--box 需要 X0 < X1 且 Y0 < Y1，得到的是 '9,",
        ),
        (RECONSTRUCT + "grey.png --box 90,90,99,99", "完全在照片（64x64）之外\n"),
        (RECONSTRUCT + "grey.png --landmarks none.txt", "none.txt：找不到 68 点的文件\n"),
        (RECONSTRUCT + "grey.png --texture-size 9999", "应为 1 到 8192 像素，得到的是 9999\n"),
        (RECONSTRUCT + "grey.png --min-score 3", "分数应大于 0 且小于 1，得到的是 3.0\n"),
        (
            RECONSTRUCT + "grey.png --min-presence 2",
            "--min-presence 应在 0 到 1 之间，得到的",
        ),
        (RECONSTRUCT + "grey.png --scale-by 3", "--scale-by 应为瞳距 20 到 100 毫米，得到的是 '3'"),
        (
            RECONSTRUCT + "grey.png --scale-by iris",
            "--scale-by 应为瞳距 20 到 100 毫米，得到的是 'iris'",
        ),
        (RECONSTRUCT + "@none", "@none：不能读取文件列表："),
        (RECONSTRUCT + "@empty.jpg", "@empty.jpg：列表是空的，需要至少一个路径\n"),
        ("swap grey.png grey.png -o a.png --region no", "没有 'no' 这个区域，可用的有 face,"),
        ("swap grey.png grey.png -o a.png --target-face x", "--target-face 需要从 0 数起的序号"),
        ("serve --port x", "选项 --port 需要 0 到 65535 的端口，得到的是 'x'"),
        ("dataset", "prnet dataset: 需要 INPUT 和 --out 文件夹"),
        ("dataset none -o out", "prnet dataset: none：找不到这个文件或文件夹\n"),
        ("evaluate none", "prnet evaluate: none：找不到，需要文件夹、.csv 或 labels.npz\n"),
        ("label none -o out", "prnet label: none：找不到照片文件夹\n"),
        ("train --data none", "none：不是 `prnet prepare` 生成的文件夹\n"),
        (RECONSTRUCT + "grey.png --min-score x", "选项 --min-score 需要一个数，得到的是 'x'"),
        (RECONSTRUCT + "grey.png --box", "选项 --box 后面需要一个值"),
        ("reconstruct -o out", "缺少必需的参数：PHOTO（用法见 prnet reconstruct --help）\n"),
        (RECONSTRUCT + "grey.png --nope", "prnet: 不认识的参数：--nope（用法见 prnet --help）\n"),
        ("video none.mp4 -o out", "prnet video: none.mp4：找不到这个视频文件\n"),
        ("video folder -o out", "prnet video: folder：这是文件夹，需要视频文件\n"),
        ("video x.onnx -o out", "prnet video: x.onnx：不能作为视频读取："),
        ("swap none.jpg grey.png -o out.jpg", "prnet swap: none.jpg：找不到这个文件\n"),
        ("texture edit none.jpg grey.png -o out.jpg", "prnet texture: none.jpg：找不到这个文件\n"),
    ],
)
def test_newcomers_errors(call: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    chinese = said(f"{call} --lang zh", capsys)
    assert line in chinese
    assert "expected" not in chinese
    english = said(call, capsys)
    assert english.isascii(), english


def test_missing_extra(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that installs it stays as it is."""
    monkeypatch.setitem(sys.modules, "av", None)
    english = said("video grey.png -o out", capsys)
    install = english[english.index("pip install") :].strip().removesuffix(")")
    assert f"需要先安装 av：{install}\n" in said("video grey.png -o out --lang zh", capsys)


def test_warnings(capfd: pytest.CaptureFixture[str]) -> None:
    Path("grey.png").rename("folder/grey.png")
    Path("folder/raw.dng").touch()
    with pytest.warns(UserWarning, match="left out") as told:
        said(RECONSTRUCT + "folder --lang zh", capfd)
    line = warnings.formatwarning(told[0].message, UserWarning, "", 0)
    assert line == "prnet: folder：没有读入：不能读取 raw.dng\n"


def test_folder_that_cannot_be_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write anywhere
    assert "out：这个文件夹不能写入" in said(RECONSTRUCT + "grey.png --lang=zh", capsys)


def test_programs_read_english(capsys: pytest.CaptureFixture[str]) -> None:
    out = said(RECONSTRUCT + "none.jpg --json --lang zh", capsys).splitlines()
    assert any("no such file" in str(json.loads(line)) for line in out)


@pytest.mark.parametrize(
    ("words", "environment", "language"),
    [
        ([], {}, "en"),
        ([], {"LANG": "zh_CN.UTF-8"}, "zh"),
        ([], {"LANG": "zh_TW"}, "zh"),
        ([], {"LANG": "de_DE.UTF-8"}, "en"),
        ([], {"LANG": "zha_CN"}, "en"),
        ([], {"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en"),
        ([], {"LC_ALL": "", "LC_MESSAGES": "zh_CN", "LANG": "C"}, "zh"),
        (["--lang", "en"], {"LANG": "zh_CN.UTF-8"}, "en"),
        (["--lang=zh"], {"LC_ALL": "C"}, "zh"),
        (["--lang", "fr"], {"LANG": "zh_CN.UTF-8"}, "zh"),
        (["--lang"], {"LANG": "C"}, "en"),
    ],
)
def test_language(words: list[str], environment: dict[str, str], language: str) -> None:
    assert language_of(words, environment) == language


def test_environment_speaks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert "none.jpg：找不到这个文件" in said(RECONSTRUCT + "none.jpg", capsys)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_the_language(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "argument --lang: invalid choice: 'fr'" in said(f"{command} --lang fr", capsys)


def test_the_language_before_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert "none.jpg：找不到这个文件" in said("--lang zh reconstruct none.jpg -o out", capsys)


@pytest.mark.parametrize("english", LINES)
def test_what_varies_is_kept(english: str) -> None:
    """Each line of the table is reached, and no other line takes its place."""
    names = {name: f"<{name}>" for name in re.findall(r"\{(\w+)\}", english)}
    speak("zh")
    assert translated(english.format(**names)) == LINES[english].format(**names)


RAISED = {"ArgumentTypeError", "BrokenInputError", "PrnetError", "TooLargeError"}


def raised() -> Iterator[tuple[str, str, str]]:
    """Room, place and words ({} for what varies) of every error that is raised with its words."""
    for path in HOUSE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and node.args):
                continue
            kind, words = ast.unparse(node.func).rpartition(".")[2], node.args[0]
            parts = words.values if isinstance(words, ast.JoinedStr) else [words]
            texts = [part.value if isinstance(part, ast.Constant) else "{}" for part in parts]
            said = "".join(text for text in texts if isinstance(text, str))
            if kind in RAISED and "expected " in said:
                yield room_of(module_name(path)), f"{path.name}:{node.lineno}", said


def test_every_error_is_said_in_chinese() -> None:
    """In words of its own, but for the rooms of `FRAMED`, and for what their own words are."""
    speak("zh")
    wrong = []
    for room, place, said in raised():
        chinese = translated(said.replace("none ({})", "none (pip install {})"))
        framed = re.search(r"，实际：|需要：|(?<!\w)(an?|of|or|the|with|for) ", chinese, re.ASCII)
        only_form = not re.sub("expected|got|[^a-z]", "", said)
        own = only_form or room.partition(".")[0] in FRAMED
        if "expected" in chinese or (framed and not own):
            wrong.append(f"{place}: {said}")
    assert not wrong, "\n".join(wrong)


def test_hints_name_the_argument_of_python_before_the_commands_option() -> None:
    """But for training, whose settings have the options' names."""
    rooms = ("commands", "training")
    wrong = [
        f"{place}: {said}"
        for room, place, said in raised()
        if "(--" in said and room.partition(".")[0] not in rooms
    ]
    assert not wrong, "\n".join(wrong)


def test_the_rest_stays() -> None:
    speak("zh")
    for line in ("fair rain", '{"file": "a: expected an image, got: none"}', "a.jpg: yaw 3.0"):
        assert translated(line) == line


def test_the_form_of_errors_is_chinese_by_itself() -> None:
    speak("zh")
    assert translated("a.csv: expected rain, got sun") == "a.csv：应为 rain，实际：sun"
    assert translated("expected rain, got: none") == f"应为 rain，实际：{WORDS['none']}"
    assert translated("expected some rain") == "需要：some rain"


def test_consoles_that_cannot_write_it(capsys: pytest.CaptureFixture[str]) -> None:
    speak("zh")
    assert translated("a.jpg: no face found", "cp1252") == "a.jpg: no face found"
    assert translated("a.jpg: no face found", "gbk") == "a.jpg：没有找到人脸"
    say("a.jpg: no face found")
    assert capsys.readouterr().out == "a.jpg：没有找到人脸\n"
