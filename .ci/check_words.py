# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Refuse the words on the right of ``docs/dev/glossary.md``, in names and in text.

``python .ci/check_words.py [PATH...]`` prints where such a word occurs, and exits with
1 if there is one. Without PATH it checks every file that git tracks. Names are split at
underscores; text is comments, strings and documentation, where a phrase may continue
on the next line.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GLOSSARY = ROOT / "docs" / "dev" / "glossary.md"
TEXT_FILES = {".md", ".conf", ".toml", ".cff", ".yml", ".yaml"}
# Refused as complete names only: they are plain English in text and in longer names.
NAMES = {"beyond", "brief"}
# Refused as names of modules, because they do not say what the module contains.
MODULES = {
    *("night", "nights", "past", "live", "digest", "census", "stored", "pieces"),
    *("fused", "trial", "measures", "attach", "curves", "span", "utils"),
}
# From Python 3.12 on, the text of an f-string is a token of its own.
_FSTRING = getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)
_TEXT = {tokenize.COMMENT, tokenize.STRING, _FSTRING}


def refused_words(glossary: str) -> list[str]:
    """Return the words and phrases of the right column of the table "write | not"."""
    rows = glossary.partition("| write | not |")[2].splitlines()[2:]
    cells = [row.strip("| ").rpartition("|")[2] for row in rows if row.startswith("|")]
    return [word.strip() for cell in cells for word in cell.split(",")]


def find_words(path: Path, words: list[str]) -> Iterator[tuple[int, str]]:
    """Yield line number and word of each refused word in a file."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        if path.stem in MODULES:
            yield 1, f"module {path.stem}"
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
        yield from _in_names(tokens, words)
        text = _comments_and_strings(text, tokens)
    choices = "|".join(r"\s+".join(map(re.escape, word.split())) for word in words)
    for found in re.finditer(rf"\b({choices})\b", text, re.IGNORECASE):
        yield text.count("\n", 0, found.start()) + 1, " ".join(found[1].split())


def _in_names(
    tokens: list[tokenize.TokenInfo], words: list[str]
) -> Iterator[tuple[int, str]]:
    """Yield line number and name of each name that contains a refused word."""
    refused = [f"_{word.replace(' ', '_')}_" for word in words]
    for token in tokens:
        if token.type == tokenize.NAME:
            name = f"_{token.string.lower()}_"
            if token.string in NAMES or any(word in name for word in refused):
                yield token.start[0], f"name {token.string}"


def _comments_and_strings(source: str, tokens: list[tokenize.TokenInfo]) -> str:
    """Return a source of Python with the same lines, of which only text is left.

    Quotes and the signs of comments are left out too, so that a phrase is found if it
    continues in the next comment or string.
    """
    lines = source.split("\n")
    kept = [[" "] * len(line) for line in lines]
    for token in tokens:
        if token.type in _TEXT:
            (first, start), (last, end) = token.start, token.end
            for row in range(first - 1, last):
                begin = start if row == first - 1 else 0
                stop = end if row == last - 1 else len(lines[row])
                kept[row][begin:stop] = lines[row][begin:stop]
    return re.sub("[\"'#]", " ", "\n".join(map("".join, kept)))


def _tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.splitlines()]


def _is_checked(path: Path) -> bool:
    if path == GLOSSARY or path == Path(__file__).resolve() or not path.is_file():
        return False
    return path.suffix == ".py" or path.suffix in TEXT_FILES


def main(arguments: list[str]) -> int:
    """Print where refused words occur; return the exit code."""
    words = refused_words(GLOSSARY.read_text(encoding="utf-8"))
    paths = [Path(a).resolve() for a in arguments] or _tracked_files()
    files = [f for p in paths for f in (sorted(p.rglob("*")) if p.is_dir() else [p])]
    count = 0
    for path in filter(_is_checked, files):
        name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
        for number, word in find_words(path, words):
            sys.stdout.write(f"{name}:{number}: {word}\n")
            count += 1
    sys.stdout.write(f"{count} refused words ({GLOSSARY.relative_to(ROOT)})\n")
    return int(count > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
