"""What commands say, in Chinese: of the errors that a newcomer meets.

Errors are raised in English; the command line translates what it prints, line by line. A line that
is not in the table stays English, and so do JSON, tables and files, which programs read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

LANGUAGES = ("en", "zh")

_NO_IMAGE = (
    "{file}: expected an image (JPEG, PNG, WebP, BMP, TIFF, ...), got a file that is none or whose "
    "beginning is damaged"
)

CHINESE = {
    # Photos and folders of them
    "{file}: expected an image file, got no such file": "{file}：找不到这个文件",
    "{file}: expected an image file, got a folder": "{file}：这是文件夹，需要图像文件",
    "{file}: expected an image file, got an empty file": "{file}：文件是空的，需要图像文件",
    f"{_NO_IMAGE} (it looks like HEIC: pip install pillow-heif, or save it as JPEG)": (
        "{file}：看起来是 HEIC 图像，请 pip install pillow-heif，或存成 JPEG"
    ),
    f"{_NO_IMAGE} (it looks like a video: prnet video takes those)": (
        "{file}：看起来是视频，请用 prnet video"
    ),
    f"{_NO_IMAGE}{{hint}}": (
        "{file}：不是图像，或文件开头已损坏（可用 JPEG、PNG、WebP、BMP、TIFF 等）{hint}"
    ),
    "{file}: expected an image, got a damaged file ({reason})": "{file}：图像已损坏（{reason}）",
    "{file}: expected a readable image file, got: {reason}": "{file}：不能读取：{reason}",
    "{file}: expected a whole {kind} image, got a truncated or damaged one ({reason})": (
        "{file}：{kind} 图像不完整或已损坏（{reason}）"
    ),
    "{file}: expected a file, got a URL (download it first)": "{file}：这是网址，请先下载成文件",
    "{file}: expected a folder with images, got none in it": "{file}：文件夹里没有图像",
    "{file}: expected a folder with images, got none in it; its subfolders hold some "
    "(prnet reconstruct --recursive)": (
        "{file}：文件夹里没有图像，子文件夹里有（prnet reconstruct --recursive）"
    ),
    "{file}: expected a pattern that matches files, got no match": "{file}：没有匹配的文件",
    "{file}: expected a folder of photos, got none (-i FOLDER)": (
        "{file}：找不到照片文件夹（-i 文件夹）"
    ),
    "{file}: no face found": "{file}：没有找到人脸",
    "{file}: no face found, nothing written": "{file}：没有找到人脸，没有写任何文件",
    "{file}: expected face {index}, got {count} faces (0 is the first)": (
        "{file}：没有第 {index} 张人脸，共找到 {count} 张（从 0 数起）"
    ),
    "photos: {photos}, faces: {faces}, photos without a face: {without}, failed: {failed}; "
    "results in {folder}": "照片 {photos} 张，人脸 {faces} 张，没有人脸的照片 {without} 张，"
    "失败 {failed} 张；结果在 {folder}",
    # Films
    "{file}: expected a film, got no such file": "{file}：找不到这个视频文件",
    "{file}: expected a film, got a folder": "{file}：这是文件夹，需要视频文件",
    "{file}: expected a film, got one without a frame that can be read": (
        "{file}：不是视频，或没有一帧能读出"
    ),
    "{file}: expected a film, got sound alone": "{file}：只有声音，没有画面",
    "{file}: expected a film, got: {reason}": "{file}：不能作为视频读取：{reason}",
    # Places for results
    "{file}: expected a folder for the results, got a file": "{file}：这是文件，结果需要一个文件夹",
    "{file}: expected a folder for the results, got: {reason}": (
        "{file}：不能建立存放结果的文件夹：{reason}"
    ),
    "{file}: expected a folder that can be written, got one that cannot": (
        "{file}：这个文件夹不能写入"
    ),
    "{file}: expected a place that can be written, got: {reason}": "{file}：不能写入：{reason}",
    "{file}: expected a place for a result, got one of the photos or files given": (
        "{file}：这是输入的照片或文件，结果不能写在这里"
    ),
    # Boxes, points and sizes
    "argument {option}: expected X0,Y0,X1,Y1, got {value}": (
        "选项 {option} 需要 X0,Y0,X1,Y1 四个数（左、上、右、下，像素），得到的是 {value}"
    ),
    "argument {option}: expected X0 < X1 and Y0 < Y1, got {value}": (
        "选项 {option} 需要 X0 < X1 且 Y0 < Y1，得到的是 {value}"
    ),
    "{file}: expected a box that touches the photo of {size}, got {value}": (
        "{file}：人脸框 {value} 完全在照片（{size}）之外"
    ),
    "{file}: expected a file of 68 points, got no such file": "{file}：找不到 68 点的文件",
    "{file}: expected a file of 68 points, got: {reason}": "{file}：不是 68 点的文件：{reason}",
    "expected a {what} size of {low} to {high}, got {value}": (
        "边长（{what}）应为 {low} 到 {high} 像素，得到的是 {value}"
    ),
    "expected a score between 0 and 1, got {value}": "分数应在 0 和 1 之间，得到的是 {value}",
    "argument {option}: expected {low} to {high} millimetres, got {value}": (
        "选项 {option} 应为 {low} 到 {high} 毫米，得到的是 {value}"
    ),
    "expected a region out of {known} or a file, got {value}": (
        "没有 {value} 这个区域，可用的有 {known}，或者一个文件"
    ),
    "argument {option}: expected a number from 0 or 'largest', got {value}": (
        "选项 {option} 需要从 0 数起的序号，或 largest，得到的是 {value}"
    ),
    "{argument}: {file}: expected a list of files, got: {reason}": (
        "{argument}：不能读取文件列表：{reason}"
    ),
    "{file}: the name '{name}' is of nothing below {folder}": (
        "{file}：名称 '{name}' 在 {folder} 下没有对应的照片"
    ),
    "{file}: {count} names, '{name}' say, are of nothing below {folder}": (
        "{file}：{count} 个名称（例如 '{name}'）在 {folder} 下没有对应的照片"
    ),
    "stopped after {done} of {total} photos; the same command with --skip-existing goes on": (
        "已停止，{total} 张照片中完成 {done} 张；用同样的命令加 --skip-existing 继续"
    ),
    "stopped after {done} of {total} shards; the same command goes on": (
        "已停止，{total} 个分片中完成 {done} 个；用同样的命令继续"
    ),
    "expected at least one path in {list}, got an empty list": (
        "{list}：列表是空的，需要至少一个路径"
    ),
    "{file}: expected a {what}, got none of that name": "{file}：找不到这个文件或文件夹",
    "{file}: expected a folder of photos, got no such folder": "{file}：找不到照片文件夹",
    "{file}: expected a folder, a .csv or a labels.npz, got no such thing": (
        "{file}：找不到，需要文件夹、.csv 或 labels.npz"
    ),
    "{file}: expected a folder that `prnet prepare` wrote": (
        "{file}：不是 `prnet prepare` 生成的文件夹"
    ),
    "expected INPUT and --out DIR, or --check DIR, got neither": (
        "需要 INPUT 和 --out 文件夹，或 --check 文件夹"
    ),
    "argument {option}: expected a port from {low} to {high}, got {value}": (
        "选项 {option} 需要 {low} 到 {high} 的端口，得到的是 {value}"
    ),
    "expected this machine's own address (127.0.0.1) or --allow-remote, got {value}": (
        "{value} 不是本机地址（127.0.0.1）；要让别的机器访问，请加 --allow-remote"
    ),
    # Models and packages
    "expected a model file for dlib-cnn or yunet only, got one for '{name}'": (
        "只有 dlib-cnn 和 yunet 需要模型文件，'{name}' 不需要"
    ),
    "argument {option}: expected the number of a GPU, got {value}": (
        "选项 {option} 需要 GPU 的编号，得到的是 {value}"
    ),
    "expected a torch device that is here, got {device}: {reason}": (
        "这里没有 {device} 这个 torch 设备：{reason}"
    ),
    "{file}: expected a {what} file (.onnx), got no file": "{file}：找不到模型文件（{what}）",
    "{file}: expected an ONNX {what}, got: {reason}": "{file}：不是 ONNX 模型（{what}）：{reason}",
    "{file}: expected the model file of '{name}', got no such file": (
        "{file}：找不到 '{name}' 的模型文件"
    ),
    "expected a model file for the detector '{name}' (--detector-model FILE), got none": (
        "检测器 '{name}' 需要模型文件（--detector-model 文件）"
    ),
    "expected the package '{package}' for the detector '{name}', got none ({install})": (
        "检测器 '{name}' 需要先安装 {package}：{install}"
    ),
    "expected the package '{package}' for {use}, got none ({install})": (
        "需要先安装 {package}：{install}"
    ),
    "expected the package '{package}', got none ({install})": "需要先安装 {package}：{install}",
    "expected an ONNX Runtime for {device}, got one for {has} (pip install {package}, in an "
    "environment without another onnxruntime)": (
        "现有的 ONNX Runtime 只支持 {has}，不支持 {device}：在没有其他 onnxruntime 的环境里 "
        "pip install {package}"
    ),
    "expected {kind} to work, got one whose driver or libraries ONNX Runtime cannot load "
    "(--device cpu does without)": (
        "ONNX Runtime 无法加载 {kind} 的驱动或库（用 --device cpu 则不需要）"
    ),
    "expected {package}, got none (pip install {extra})": (
        "需要先安装 {package}：pip install {extra}"
    ),
    "{file}: expected a suffix out of {known}, got '{suffix}'": (
        "{file}：不认识后缀 '{suffix}'，可用的有 {known}"
    ),
    # Options. After the longer ones: `{value}` may hold anything.
    "argument {option}: invalid choice: {value} (choose from {known})": (
        "选项 {option} 没有 {value} 这个值，可用的有 {known}"
    ),
    "argument {option}: expected some of {known}, got {value}": (
        "选项 {option} 没有 {value} 这个值，可用的有 {known}"
    ),
    "argument {option}: expected one argument": "选项 {option} 后面需要一个值",
    "argument {option}: expected a positive whole number, got {value}": (
        "选项 {option} 需要正整数，得到的是 {value}"
    ),
    "argument {option}: expected a number from {low} to {high}, got {value}": (
        "选项 {option} 应在 {low} 到 {high} 之间，得到的是 {value}"
    ),
    "argument {option}: expected a number, got {value}": (
        "选项 {option} 需要一个数，得到的是 {value}"
    ),
    "argument {option}: not allowed with argument {other}": "选项 {option} 和 {other} 不能同时使用",
    "the following arguments are required: {options}": "缺少必需的参数：{options}",
    "unrecognized arguments: {options}": "不认识的参数：{options}",
    "expected enough memory, got too little": "内存不足",
}
"""A line as it is raised, with names for what varies -> the line in Chinese. The first that fits
counts."""

_HELP = re.compile(r" \((prnet[\w -]*) --help tells more\)$")
_COMMAND = re.compile(r"prnet( [\w-]+)*: ")


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template)
    for at, part in enumerate(parts):
        parts[at] = f"(?P<{part}>.*?)" if at % 2 else re.escape(part)
    return re.compile("".join(parts), re.DOTALL)


_patterns: list[tuple[re.Pattern[str], str]] = []
_language = "en"


def language_of(argv: Sequence[str], environment: Mapping[str, str]) -> str:
    """ "en" or "zh": by ``--lang``, else by the first of LC_ALL, LC_MESSAGES and LANG that says
    something. Wrong words of ``--lang`` are left to the parser."""
    for at, word in enumerate(argv):
        name, _, value = word.partition("=")
        if name == "--lang":
            value = value or "".join(argv[at + 1 : at + 2])
            return value if value in LANGUAGES else "en"
    names = (environment.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    said = next(filter(None, names), "")
    return "zh" if re.match(r"zh([_.@-]|$)", said, re.IGNORECASE) else "en"


def speak(language: str) -> None:
    """In this process, `translated` says it so from now on."""
    global _language
    _language = language
    if language == "zh" and not _patterns:
        _patterns.extend((_pattern(english), chinese) for english, chinese in CHINESE.items())


def translated(line: str, encoding: str | None = None) -> str:
    """A line of the command line in the language that is spoken; as it is where the table has no
    other words, or where ``encoding`` cannot write them."""
    if _language == "en":
        return line
    command = _COMMAND.match(line)
    start = command.group() if command else ""
    body, more = line[len(start) :], ""
    if tail := _HELP.search(body):
        body, more = body[: tail.start()], f"（用法见 {tail[1]} --help）"
    for pattern, chinese in _patterns:
        if found := pattern.fullmatch(body):
            return _if_writable(
                f"{start}{chinese.format(**found.groupdict())}{more}", line, encoding
            )
    return line


def _if_writable(chinese: str, english: str, encoding: str | None) -> str:
    try:
        chinese.encode(encoding or "utf-8", "surrogateescape")
    except (UnicodeEncodeError, LookupError):
        return english
    return chinese
