# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import shutil
from pathlib import Path

import pandas as pd
import pytest

import fink_voevent.filters as package
from fink_voevent.filters import blocks
from fink_voevent.filters.discover import discover

FOLDERS = [
    m.name
    for m in pkgutil.iter_modules(package.__path__)
    if m.name.startswith("filter_")
]
FOUND = {f.name: f for f in discover("fink_voevent.filters").filters}
MESSENGER = {f"{m}_bronze": m for m in ("grb", "neutrino", "gw", "frb")}
SILVER = {f"{m}_silver": m for m in ("grb", "neutrino", "gw")}
ALL = (*MESSENGER, *SILVER, "grb_gold", "any_retraction")


def function(name: str):
    module = importlib.import_module(f"fink_voevent.filters.filter_{name}.filter")
    return getattr(module, name)


def test_every_folder_is_a_filter_with_a_description():
    assert {f"filter_{name}" for name in FOUND} == set(FOLDERS)
    assert all(f.description for f in FOUND.values())


@pytest.mark.parametrize("name", MESSENGER)
@pytest.mark.parametrize(
    ("quality", "extragalactic", "passes"),
    [
        (0.5, None, True),
        (0.49, None, False),
        (1.0, True, True),
        (1.0, False, False),
        (None, True, False),
        (float("nan"), True, False),
    ],
)
def test_bronze_passes_from_its_thresholds_on(name, quality, extragalactic, passes):
    series = (
        pd.Series([MESSENGER[name], "optical", None]),
        pd.Series([quality] * 3, dtype=float),
        pd.Series([extragalactic] * 3, dtype=object),
    )
    assert function(name)(*series).tolist() == [passes, False, False]


@pytest.mark.parametrize("name", SILVER)
@pytest.mark.parametrize(
    ("p_chance", "prior_activity", "passes"),
    [
        (0.01, "new", True),
        (0.0101, "new", False),
        (0.001, "unknown", True),
        (0.001, "active", False),
        (0.001, None, False),
        (None, "new", False),
    ],
)
def test_silver_is_unlikely_by_chance_and_not_active_before(
    name, p_chance, prior_activity, passes
):
    def columns(messenger, quality, extragalactic):
        return (
            pd.Series([messenger]),
            pd.Series([quality], dtype=float),
            pd.Series([extragalactic], dtype=object),
            pd.Series([p_chance], dtype=float),
            pd.Series([prior_activity], dtype=object),
        )

    silver = function(name)
    assert silver(*columns(SILVER[name], 0.5, None)).tolist() == [passes]
    assert silver(*columns(SILVER[name], 0.49, None)).tolist() == [False]
    assert silver(*columns(SILVER[name], 0.9, False)).tolist() == [False]
    assert silver(*columns("optical", 0.9, None)).tolist() == [False]


@pytest.mark.parametrize("name", ALL)
def test_empty_columns_and_nulls_give_no_null(name):
    count = len(inspect.signature(function(name)).parameters)
    for size in (0, 3):
        columns = [pd.Series([None] * size, dtype=object) for _ in range(count)]
        selected = function(name)(*columns)
        assert selected.dtype == bool
        assert len(selected) == size
        assert not selected.any()


@pytest.mark.parametrize("name", ALL)
def test_the_examples_of_a_filter_run(name):
    module = importlib.import_module(f"fink_voevent.filters.filter_{name}.filter")
    result = doctest.testmod(module)
    assert result.failed == 0
    assert result.attempted > 0


def test_the_examples_of_the_shared_rules_run():
    result = doctest.testmod(blocks)
    assert result.failed == 0
    assert result.attempted > 0


def test_an_object_of_unknown_class_may_be_extragalactic():
    series = pd.Series([None, True, False], dtype=object)
    assert blocks.may_be_extragalactic(series).tolist() == [True, True, False]


def test_filters_of_a_package_in_the_settings_are_found(tmp_path, monkeypatch):
    folder = tmp_path / "theirs" / "filter_mine"
    folder.mkdir(parents=True)
    for path in (tmp_path / "theirs", folder):
        (path / "__init__.py").write_text("")
    (folder / "filter.py").write_text("def mine(messenger):\n    return messenger\n")
    monkeypatch.syspath_prepend(tmp_path)
    names = [f.name for f in discover("fink_voevent.filters, theirs").filters]
    assert names == sorted([*ALL, "mine"])


FAULTS = {
    "no_function": ("def other():\n    pass\n", "has no function no_function"),
    "no_module": ("import nowhere\n", "ModuleNotFoundError: No module named"),
    "no_python": ("def no_python(:\n", "SyntaxError: invalid syntax"),
    "raises": ("1 / 0\n", "ZeroDivisionError: division by zero"),
    "ends": ("import sys\nsys.exit(3)\n", "SystemExit: 3"),
}


def test_filters_that_cannot_be_imported_are_left_out_with_the_reason(
    tmp_path, monkeypatch
):
    for name, (source, _) in FAULTS.items():
        write_filter(tmp_path / "faulty_ones", name, source)
    write_filter(tmp_path / "faulty_ones", "good", "def good(messenger):\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = discover("nowhere, faulty_ones")
    assert [one.name for one in found.filters] == ["good"]
    package, *filters = found.faulty
    assert str(package).startswith("VOEVENT_FILTERS is left out: nowhere: ModuleNot")
    reasons = {one.name: str(one) for one in filters}
    assert reasons.keys() == FAULTS.keys()
    for name, (_, reason) in FAULTS.items():
        path = f"faulty_ones.filter_{name}.filter"
        assert reasons[name].startswith(f"filter {name} is left out: {path}: ")
        assert reason in reasons[name]
        assert "\n" not in reasons[name]


def test_of_two_filters_of_the_same_name_the_first_is_used(tmp_path, monkeypatch):
    source = "def any_retraction(status):\n    return status\n"
    write_filter(tmp_path / "copies", "any_retraction", source)
    monkeypatch.syspath_prepend(tmp_path)
    found = discover("fink_voevent.filters,copies")
    assert [one.name for one in found.filters] == sorted(ALL)
    (second,) = found.faulty
    assert second.path == "copies.filter_any_retraction.filter.any_retraction"
    used = "fink_voevent.filters.filter_any_retraction.filter.any_retraction"
    assert second.reason == f"{used} has the same name and is used"


def test_filters_of_a_package_in_an_entry_point_are_found(tmp_path, monkeypatch):
    folder = tmp_path / "offered" / "filter_theirs"
    folder.mkdir(parents=True)
    for path in (folder.parent, folder):
        (path / "__init__.py").write_text("")
    (folder / "filter.py").write_text("def theirs(messenger):\n    return messenger\n")
    metadata = tmp_path / "offered-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: offered\nVersion: 1\n"
    )
    (metadata / "entry_points.txt").write_text(
        "[fink_voevent.filters]\noffered = offered\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert "theirs" in [f.name for f in discover("fink_voevent.filters").filters]


@pytest.mark.parametrize(
    ("magnitude_rate", "passes"),
    [(0.3, True), (-0.3, True), (0.29, False), (None, False)],
)
def test_gold_is_silver_and_changes_fast(magnitude_rate, passes):
    def columns(p_chance):
        return (
            pd.Series(["grb"]),
            pd.Series([0.9]),
            pd.Series([None], dtype=object),
            pd.Series([p_chance]),
            pd.Series(["new"]),
            pd.Series([magnitude_rate], dtype=float),
        )

    gold = function("grb_gold")
    assert gold(*columns(0.001)).tolist() == [passes]
    assert gold(*columns(0.5)).tolist() == [False]


def write_filter(package: Path, name: str, source: str) -> None:
    """Write a filter into a new package."""
    folder = package / f"filter_{name}"
    folder.mkdir(parents=True)
    for path in (package, folder):
        (path / "__init__.py").write_text("")
    (folder / "filter.py").write_text(source)


def topics_with_filters_of(pipeline, package: str) -> set[str]:
    """Topics that get packets from our filters and those of another package."""
    both = {"filters": f"fink_voevent.filters,{package}"}
    pipeline.settings = pipeline.settings.model_copy(update=both)
    pipeline.alerts("early", "late")
    pipeline.notices("grb221009a_bat")
    pipeline.run()
    return set(pipeline.topics())


def test_a_filter_that_cannot_be_used_does_not_stop_the_others(
    pipeline, tmp_path, monkeypatch, caplog
):
    sources = {
        "odd": "def odd(nothing_like_it):\n    return 1\n",
        "no_code": "no_code = max\n",
        "ends": "import sys\nsys.exit(3)\n",
    }
    for name, source in sources.items():
        write_filter(tmp_path / "unusable", name, source)
    monkeypatch.syspath_prepend(tmp_path)
    packages = "unusable,nowhere"
    assert topics_with_filters_of(pipeline, packages) == {"fink_grb_bronze_ztf"}
    assert "filter odd selects nothing" in caplog.text
    assert "filter no_code selects nothing" in caplog.text
    assert caplog.text.count("filter ends is left out") == 1
    assert caplog.text.count("VOEVENT_FILTERS is left out: nowhere") == 1


def test_a_filter_that_raises_does_not_stop_the_others(
    pipeline, tmp_path, monkeypatch, caplog
):
    ends = "__import__('sys').exit(3)"
    bodies = {"loud": "1 / 0", "short": "quality[:0]", "ends": ends}
    for name, body in bodies.items():
        source = f"def {name}(quality):\n    return {body}\n"
        write_filter(tmp_path / "faulty", name, source)
    monkeypatch.syspath_prepend(tmp_path)
    package = shutil.make_archive(str(tmp_path / "x"), "zip", tmp_path, "faulty")
    pipeline.spark.sparkContext.addPyFile(package)  # the Python workers are running
    assert topics_with_filters_of(pipeline, "faulty") == {"fink_grb_bronze_ztf"}
    assert "filter loud failed and missed packets: ZeroDivision" in caplog.text
    assert "filter short failed and missed packets: ValueError: 0" in caplog.text
    assert "filter ends failed and missed packets: SystemExit: 3" in caplog.text
