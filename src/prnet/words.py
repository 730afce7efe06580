"""What commands say, in Chinese, of errors above all.

Errors are raised in English; the command line translates what it prints, line by line. JSON, tables
and files, which programs read, stay English, and so does a line that nobody translated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final, NamedTuple

from prnet.packaged import DATA

LANGUAGES = ("en", "zh")

TABLE: Final = DATA / "chinese.json"
"""``lines``: a line as it is raised, with names for what varies -> the line in Chinese.
``words``: what `_WORDED` names may stand for -> the same in Chinese."""

_WORDED: Final = {"what", "got", "hint", "reason"}

_HELP = re.compile(r" \((prnet[\w -]*) --help tells more\)$")
_COMMAND = re.compile(r"prnet( [\w-]+)*: ")
_ARGUMENT = re.compile(r"argument (?!COMMAND)(\S+): ")

_FRAME: Final = {
    "{file}: expected {what}, got{_}{got}": "{file}：应为 {what}，实际：{got}",
    "expected {what}, got{_}{got}": "应为 {what}，实际：{got}",
    "{file}: expected {what}": "{file}：需要：{what}",
    "expected {what}": "需要：{what}",
}
"""The form that errors have, for those that no line of the table fits."""


class _Chinese(NamedTuple):
    lines: list[tuple[re.Pattern[str], str]]
    words: dict[str, str]


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template)
    for at, part in enumerate(parts):
        parts[at] = f"(?P<{part}>{':? ' if part == '_' else '.*?'})" if at % 2 else re.escape(part)
    return re.compile("".join(parts), re.DOTALL)


@cache
def _chinese() -> _Chinese:
    """The longer lines first: what varies in a short one may hold anything."""
    table = json.loads(TABLE.read_bytes())
    lines = sorted(table["lines"].items(), key=lambda line: -len(re.sub(r"\{\w+\}", "", line[0])))
    both = [*lines, *_FRAME.items()]
    return _Chinese([(_pattern(english), chinese) for english, chinese in both], table["words"])


_language = "en"


def language_of(argv: Sequence[str], environment: Mapping[str, str]) -> str:
    """ "en" or "zh": by ``--lang``, else by the first of LC_ALL, LC_MESSAGES and LANG that says
    something. Wrong words of ``--lang`` are left to the parser, which answers in the latter."""
    for at, word in enumerate(argv):
        name, _, value = word.partition("=")
        if name == "--lang":
            value = value or "".join(argv[at + 1 : at + 2])
            if value in LANGUAGES:
                return value
    names = (environment.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    said = next(filter(None, names), "")
    return "zh" if re.match(r"zh([_.@-]|$)", said, re.IGNORECASE) else "en"


def speak(language: str) -> None:
    """In this process, `translated` says it so from now on."""
    global _language
    _language = language


def translated(line: str, encoding: str | None = None) -> str:
    """A line of the command line in the language that is spoken; as it is where the table has no
    other words, where ``encoding`` cannot write them, and where it is JSON."""
    if _language == "en" or line.startswith('{"'):
        return line
    command = _COMMAND.match(line)
    start = command.group() if command else ""
    body, more = line[len(start) :], ""
    if tail := _HELP.search(body):
        body, more = body[: tail.start()], f"（用法见 {tail[1]} --help）"
    if argument := _ARGUMENT.match(body):
        start += f"{'选项' if argument[1].startswith('-') else '参数'} {argument[1]} "
        body = body[argument.end() :]
    lines, words = _chinese()
    for pattern, chinese in lines:
        if found := pattern.fullmatch(body):
            names = found.groupdict()
            names |= {name: words.get(names[name], names[name]) for name in _WORDED & names.keys()}
            return _if_writable(f"{start}{chinese.format(**names)}{more}", line, encoding)
    return line


def _if_writable(chinese: str, english: str, encoding: str | None) -> str:
    try:
        chinese.encode(encoding or "utf-8", "surrogateescape")
    except (UnicodeEncodeError, LookupError):
        return english
    return chinese
