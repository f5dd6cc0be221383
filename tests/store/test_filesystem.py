# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from fink_voevent.errors import StorageError
from fink_voevent.store.filesystem import open_store


def test_a_file_that_was_not_completed_does_not_exist(tmp_path):
    store = open_store(str(tmp_path))

    def fail(stream):
        stream.write(b"half")
        raise OSError("disk full")

    with pytest.raises(StorageError, match="disk full"):
        store.write("x.json", fail)
    assert store.names(".json") == []
    assert not store.exists("x.json")


def test_hidden_files_are_not_listed(tmp_path):
    store = open_store(str(tmp_path))
    for name in ("a.json", ".b.json", "_c.json"):
        (tmp_path / name).write_text("")
    assert store.names(".json") == ["a.json"]


def test_a_folder_that_is_created_during_the_listing_is_no_error(tmp_path):
    """Pyarrow checks twice, and fails if the folder is created in between."""
    for number in range(500):
        folder = tmp_path / str(number)
        maker = threading.Thread(target=folder.mkdir)
        maker.start()
        while maker.is_alive():
            assert open_store(str(folder)).names(".json") == []
        maker.join()


@pytest.mark.parametrize("form", ["{}", "file://{}", "file:{}", "file:////{}"])
def test_a_path_and_its_uris_are_the_same_folder(tmp_path, form):
    open_store(form.format(tmp_path)).write("x", lambda stream: stream.write(b"1"))
    assert (tmp_path / "x").read_bytes() == b"1"


def test_a_name_that_is_not_utf8_is_reported_and_hides_no_other(tmp_path, caplog):
    (tmp_path / "good.parquet").touch()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff.parquet")).touch()
    assert open_store(str(tmp_path)).names(".parquet") == ["good.parquet"]
    (line,) = caplog.messages
    assert line.startswith(f"{tmp_path}: 1 files or folders are not read")


def test_an_unknown_scheme_is_refused_in_one_line():
    with pytest.raises(StorageError, match="cannot open gopher://x/y") as message:
        open_store("gopher://x/y")
    assert "\n" not in str(message.value)
