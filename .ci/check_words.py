# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Refuse the words on the right of ``docs/dev/glossary.md``, in names and in text.

``python .ci/check_words.py [PATH...]`` prints each place, and exits with 1 if there is
one; without PATH it checks every file that git tracks. Names are split at underscores;
text is comments, strings and documentation.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
GLOSSARY = ROOT / "docs" / "dev" / "glossary.md"
TEXT_FILES = {".md", ".conf", ".toml", ".cff", ".yml", ".yaml"}
# As names of their own, beside the words of the glossary.
NAMES = {"beyond", "brief"}
# Names of modules that say nothing.
MODULES = {
    *("night", "nights", "past", "live", "digest", "census", "stored", "pieces"),
    *("fused", "trial", "measures", "attach", "curves", "span", "utils"),
}


def refused_words(glossary: str) -> list[str]:
    """Words and phrases of the right column of the table "write | not"."""
    rows = glossary.partition("| write | not |")[2].splitlines()[2:]
    cells = [row.strip("| ").rpartition("|")[2] for row in rows if row.startswith("|")]
    return [word.strip() for cell in cells for word in cell.split(",")]


def places(path: Path, words: list[str]) -> Iterator[tuple[int, str]]:
    """Line and word of each refused word in a file."""
    phrase = re.compile(rf"\b({'|'.join(map(re.escape, words))})\b", re.IGNORECASE)
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        for number, line in enumerate(text.splitlines(), 1):
            yield from ((number, word) for word in phrase.findall(line))
        return
    single = {word for word in words if " " not in word}
    phrases = {tuple(word.split()) for word in words if " " in word}
    if path.stem in MODULES:
        yield 1, f"module {path.stem}"
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME:
            parts = tuple(token.string.lower().split("_"))
            found = single.intersection(parts) | NAMES.intersection({token.string})
            found |= {" ".join(p) for p in phrases if _has(parts, p)}
            yield from ((token.start[0], f"name {token.string}") for _ in found)
        elif token.type in (tokenize.COMMENT, tokenize.STRING, _FSTRING):
            for number, line in enumerate(token.string.splitlines(), token.start[0]):
                yield from ((number, word) for word in phrase.findall(line))


# From Python 3.12 on, the text of an f-string is a token of its own.
_FSTRING = getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)


def _has(parts: tuple[str, ...], phrase: tuple[str, ...]) -> bool:
    width = len(phrase)
    return any(parts[i : i + width] == phrase for i in range(len(parts)))


def _tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.splitlines()]


def _is_checked(path: Path) -> bool:
    if path == GLOSSARY or path == Path(__file__).resolve() or not path.is_file():
        return False
    return path.suffix == ".py" or path.suffix in TEXT_FILES


def main(arguments: list[str]) -> int:
    """Print each place; return the exit code."""
    words = refused_words(GLOSSARY.read_text(encoding="utf-8"))
    paths = [Path(a).resolve() for a in arguments] or _tracked()
    files = [f for p in paths for f in (sorted(p.rglob("*")) if p.is_dir() else [p])]
    count = 0
    for path in filter(_is_checked, files):
        for number, word in places(path, words):
            sys.stdout.write(f"{path.relative_to(ROOT)}:{number}: {word}\n")
            count += 1
    sys.stdout.write(f"{count} refused words ({GLOSSARY.relative_to(ROOT)})\n")
    return int(count > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
