# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The check of words finds a refused word wherever a person would read it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SPEC = importlib.util.spec_from_file_location(
    "check_words", ROOT / ".ci" / "check_words.py"
)
check_words = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(check_words)
GLOSSARY = """
| write | not |
|---|---|
| say | blabber, blabbers |
| commit | heave over |
"""


@pytest.fixture
def find(tmp_path):
    """Count the refused words in a file with some content."""
    words = check_words.refused_words(GLOSSARY)

    def count(content: str, name: str = "module.py") -> int:
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return len(list(check_words.find_words(path, words)))

    return count


@pytest.mark.parametrize(
    "content",
    [
        "blabber = 1\n",
        "def who_blabbers(x): ...\n",
        "def heave_over(x): ...\n",
        "# it blabbers\n",
        '"""It blabbers."""\n',
        'print(f"{1} blabbers")\n',
        'print(f"{blabbers}")\n',
        "log('heave over the batch')\n",
        'log("it has to heave" " over")\n',
        "# a batch that they heave\n# over is lost\n",
        '"""A batch that they heave\n    over is lost.\n    """\n',
        "beyond = 3\n",
    ],
)
def test_a_refused_word_is_found_in_python(find, content):
    assert find(content) == 1


def test_a_refused_word_is_found_in_documentation(find):
    assert find("Nobody blabbers here.\n\nHeave over!\n", "page.md") == 2


def test_other_words_pass(find):
    assert find("blabbering = 'overheave'\n# nothing here\n") == 0
    assert find("heave = 1\nover = 2\nsheave_over = heave | over\n") == 0


def test_a_module_with_an_empty_name_is_refused(find):
    assert find("x = 1\n", "utils.py") == 1


def test_the_line_of_a_word_is_printed(tmp_path, capsys):
    word = check_words.refused_words(check_words.GLOSSARY.read_text("utf-8"))[0]
    page = tmp_path / "page.md"
    page.write_text(f"one\ntwo\n{word}\n", encoding="utf-8")
    assert check_words.main([str(tmp_path)]) == 1
    assert f"{page}:3: {word}\n1 refused words" in capsys.readouterr().out


def test_the_words_of_the_glossary_are_read():
    words = check_words.refused_words(check_words.GLOSSARY.read_text("utf-8"))
    assert len(words) > 15
    assert all(word == word.lower() for word in words)
