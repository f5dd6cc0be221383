# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""On a local disk, one process at a time runs a stage."""

from __future__ import annotations

import pytest

from fink_voevent.errors import StorageError
from fink_voevent.store.lease import hold


def test_only_one_process_runs_a_stage_on_a_root(tmp_path):
    with (
        hold(str(tmp_path), "match"),
        pytest.raises(StorageError, match="another process"),
    ):
        with hold(str(tmp_path), "match"):
            pass


def test_other_stages_and_other_roots_are_not_affected(tmp_path):
    with (
        hold(str(tmp_path / "a"), "match"),
        hold(str(tmp_path / "a"), "route"),
        hold(str(tmp_path / "b"), "match"),
    ):
        pass
