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
from fink_voevent.filters import discover as discovery
from fink_voevent.filters.discover import discover

FOLDERS = [
    m.name
    for m in pkgutil.iter_modules(package.__path__)
    if m.name.startswith("filter_")
]
FOUND = {f.name: f for f in discover("fink_voevent.filters").filters}
MESSENGERS = ("grb", "gw", "neutrino", "frb", "xray", "gamma", "supernova", "other")
LEVELS = ("bronze", "silver", "gold")
SUBTHRESHOLD = ("grb", "gw")
ALL = (
    *(f"{m}_{level}" for m in MESSENGERS for level in LEVELS),
    *(f"{m}_subthreshold" for m in SUBTHRESHOLD),
    "any_retraction",
)
LEVELED = [(m, level) for m in MESSENGERS for level in LEVELS]


def function(name: str):
    module = importlib.import_module(f"fink_voevent.filters.filter_{name}.filter")
    return getattr(module, name)


def test_every_folder_is_a_filter_with_a_description():
    assert {f"filter_{name}" for name in FOUND} == set(FOLDERS)
    assert all(f.description for f in FOUND.values())


def passes(name: str, **changes) -> bool:
    """Whether a packet passes a filter: one that passes gold, but for some columns."""
    messenger = name.partition("_")[0]
    columns = blocks.example("optical" if messenger == "other" else messenger)
    columns |= {
        name: pd.Series([value], dtype=object) for name, value in changes.items()
    }
    selected = function(name)(**blocks.of(function(name), columns))
    assert selected.dtype == bool
    return bool(selected[0])


@pytest.mark.parametrize(("messenger", "level"), LEVELED)
def test_a_level_passes_its_own_messenger_alone(messenger, level):
    name = f"{messenger}_{level}"
    assert passes(name)
    for other in (*MESSENGERS, "unknown", "optical", None):
        is_own = other == messenger
        if messenger == "other":
            is_own = other in ("other", "unknown", "optical", None)
        assert passes(name, messenger=other) is is_own


@pytest.mark.parametrize(("messenger", "level"), LEVELED)
@pytest.mark.parametrize(
    ("changes", "least"),
    [
        ({"quality": 0.5}, "gold"),
        ({"quality": 0.49}, None),
        ({"quality": None}, None),
        ({"candidate_nature": None}, None),
        ({"candidate_nature": "star"}, None),
        ({"candidate_nature": "variable"}, None),
        ({"candidate_nature": "moving"}, None),
        ({"candidate_nature": "galactic"}, None),
        ({"candidate_nature": "negative"}, None),
        ({"candidate_class": "fresh_unknown"}, "bronze"),
        ({"candidate_class": "other"}, "bronze"),
        ({"candidate_class": None}, "bronze"),
        ({"expected_unrelated": None}, "bronze"),
        ({"expected_unrelated": 1.01}, "bronze"),
        ({"expected_unrelated": 1.0}, "silver"),
        ({"expected_unrelated": 0.11}, "silver"),
        ({"expected_unrelated": 0.1}, "gold"),
        ({"candidate_span": 0.0104}, "silver"),
        ({"candidate_span": None}, "silver"),
        ({"candidate_span": 0.0105}, "gold"),
        ({"candidate_span": None, "fast_rise": True}, "gold"),
        ({"candidate_span": None, "fast_rise": None}, "silver"),
        ({"event_significant": True}, "gold"),
        ({"event_significant": False}, None),
    ],
)
def test_the_levels_pass_up_to_their_thresholds(messenger, level, changes, least):
    """`least` is the highest level that a packet reaches."""
    reached = LEVELS.index(least) if least else -1
    assert passes(f"{messenger}_{level}", **changes) is (LEVELS.index(level) <= reached)


@pytest.mark.parametrize("messenger", MESSENGERS)
def test_active_nuclei_are_candidates_of_neutrinos_and_gamma_rays_alone(messenger):
    nucleus = {"candidate_nature": "active_nucleus"}
    allowed = messenger in ("neutrino", "gamma")
    assert passes(f"{messenger}_bronze", **nucleus) is allowed
    flaring = {**nucleus, "candidate_class": "flaring"}
    assert passes(f"{messenger}_silver", **flaring) is (messenger == "neutrino")
    assert passes(f"{messenger}_gold", **flaring) is (messenger == "neutrino")


@pytest.mark.parametrize(("messenger", "level"), LEVELED)
@pytest.mark.parametrize("is_report", [False, None])
def test_silver_and_gold_get_the_report_of_a_candidate_alone(
    messenger, level, is_report
):
    passed = passes(f"{messenger}_{level}", reports_candidate=is_report)
    assert passed is (level == "bronze")


@pytest.mark.parametrize("messenger", SUBTHRESHOLD)
def test_events_of_low_significance_go_to_their_own_topic(messenger):
    name = f"{messenger}_subthreshold"
    assert passes(name, event_significant=False)
    assert not passes(name, event_significant=False, quality=0.1)
    assert not passes(name, event_significant=False, candidate_nature="star")
    assert not passes(name, event_significant=True)
    assert not passes(name, event_significant=None)


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
def test_a_filter_says_whether_it_is_for_hbase(name):
    """Fink's distribute needs the name in the module of each filter of Rubin."""
    module = importlib.import_module(f"fink_voevent.filters.filter_{name}.filter")
    assert module.HBASE_SUPPORT is False


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
    "deep": ("def f():\n    f()\nf()\n", "RecursionError: maximum recursion depth"),
    "odd": ("def __getattr__(name):\n    raise KeyError(name)\n", "KeyError: 'odd'"),
    "mute": (
        "class E(Exception):\n    def __str__(self):\n        raise self\nraise E\n",
        "E: without a message",
    ),
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


def test_a_filter_whose_import_does_not_end_is_left_out(tmp_path, monkeypatch):
    source = "import threading\nthreading.Event().wait()\n"
    write_filter(tmp_path / "waiting", "endless", source)
    write_filter(tmp_path / "waiting", "good", "def good(messenger):\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(discovery, "IMPORT_S", 1.0)
    found = discover("waiting")
    assert [one.name for one in found.filters] == ["good"]
    (faulty,) = found.faulty
    assert faulty.name == "endless"
    assert faulty.reason == "its import has not ended after 1 s"


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


def write_filter(package: Path, name: str, source: str) -> None:
    """Write a filter into a new package."""
    folder = package / f"filter_{name}"
    folder.mkdir(parents=True)
    for path in (package, folder):
        (path / "__init__.py").write_text("")
    (folder / "filter.py").write_text(source)


def topics_with_filters_of(matched, package: str) -> set[str]:
    """Topics that get packets from our filters and those of another package."""
    both = {"filters": f"fink_voevent.filters,{package}"}
    matched.settings = matched.settings.model_copy(update=both)
    matched.route()
    return set(matched.topics())


def test_a_filter_that_cannot_be_used_does_not_stop_the_others(
    matched, tmp_path, monkeypatch, caplog
):
    sources = {
        "odd": "def odd(nothing_like_it):\n    return 1\n",
        "no_code": "no_code = max\n",
        "bare": "def bare():\n    return True\n",
        "ends": "import sys\nsys.exit(3)\n",
    }
    for name, source in sources.items():
        write_filter(tmp_path / "unusable", name, source)
    monkeypatch.syspath_prepend(tmp_path)
    packages = "unusable,nowhere"
    assert topics_with_filters_of(matched, packages) == {"fink_grb_bronze_ztf"}
    assert "filter odd selects nothing" in caplog.text
    assert "filter no_code selects nothing" in caplog.text
    assert "filter bare selects nothing: ValueError: it has no arg" in caplog.text
    assert caplog.text.count("filter ends is left out") == 1
    assert caplog.text.count("VOEVENT_FILTERS is left out: nowhere") == 1


def test_a_filter_that_raises_does_not_stop_the_others(
    matched, tmp_path, monkeypatch, caplog
):
    ends = "__import__('sys').exit(3)"
    bodies = {"loud": "1 / 0", "short": "quality[:0]", "ends": ends}
    bodies |= {"deep": "deep(quality)", "frame": "quality.to_frame().T.head(0)"}
    for name, body in bodies.items():
        source = f"def {name}(quality):\n    return {body}\n"
        write_filter(tmp_path / "faulty", name, source)
    monkeypatch.syspath_prepend(tmp_path)
    package = shutil.make_archive(str(tmp_path / "x"), "zip", tmp_path, "faulty")
    matched.spark.sparkContext.addPyFile(package)  # the Python workers are running
    assert topics_with_filters_of(matched, "faulty") == {"fink_grb_bronze_ztf"}
    assert "filter loud failed and missed packets: ZeroDivision" in caplog.text
    assert "filter short failed and missed packets: ValueError: 0" in caplog.text
    assert "filter ends failed and missed packets: SystemExit: 3" in caplog.text
    assert "filter deep failed and missed packets: RecursionError" in caplog.text
    assert "filter frame failed and missed packets: ValueError" in caplog.text
