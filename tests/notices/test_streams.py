# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from fink_voevent.errors import ConfigError
from fink_voevent.notices import streams
from fink_voevent.notices.streams import literal_prefix


def test_every_built_in_stream_is_complete(registry):
    names = [s.name for s in registry.streams]
    assert len(set(names)) == len(names) > 60
    for stream in registry.streams:
        assert stream.messenger in streams.MESSENGERS
        assert 0 < stream.containment < 1
        pattern = stream.pattern.pattern.lower().replace("\\", "")
        assert pattern.startswith(stream.literal_prefix)


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        (
            r"ivo://nasa\.gsfc\.gcn/Fermi#GBM_Alert",
            "ivo://nasa.gsfc.gcn/fermi#gbm_alert",
        ),
        (r"ivo://gwnet/(LVC|x)#", "ivo://gwnet/"),
        (r"ivo://abc?d", "ivo://ab"),
        (r"ivo://ab*d", "ivo://a"),
        (r"ivo://ab+d", "ivo://ab"),
        (r"ivo://a|ivo://b", ""),
        (r"(a|b)c", ""),
        (r"ivo://a\wb", "ivo://a"),
        ("", ""),
    ],
)
def test_literal_prefix_of_a_pattern(pattern, prefix):
    assert literal_prefix(pattern) == prefix


def write_streams(tmp_path, text: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return str(path)


def test_the_file_of_an_operator_adds_streams_and_replaces_fields(tmp_path, registry):
    path = write_streams(
        tmp_path,
        """
        [[stream]]
        name = "mine"
        pattern = 'ivo://nasa\\.gsfc\\.gcn/SWIFT#BAT_GRB_Pos_1-'
        messenger = "frb"

        [[stream]]
        name = "swift_bat_position"
        window_days = [0, 14]

        [window_days]
        frb = [2.0, 4.0]
        """,
    )
    mine = streams.load(path)
    found, _ = mine.find("ivo://nasa.gsfc.gcn/SWIFT#BAT_GRB_Pos_1-2", {})
    assert (found.name, found.window_days) == ("mine", (2.0, 4.0))
    swift, _ = mine.find("ivo://nasa.gsfc.gcn/SWIFT#BAT_GRB_Pos_9-2", {})
    before, _ = registry.find("ivo://nasa.gsfc.gcn/SWIFT#BAT_GRB_Pos_9-2", {})
    assert swift.window_days == (0.0, 14.0)
    assert swift.containment == before.containment
    assert len(mine.streams) == len(registry.streams) + 1


def test_the_case_of_an_ivorn_is_ignored(registry):
    found, _ = registry.find("IVO://NASA.GSFC.GCN/fermi#GBM_Alert_1", {})
    assert found.name == "fermi_gbm_alert"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[[stream]\n", "is not TOML"),
        ("[[stream]]\nname = 'x'\npattern = '('\n", "stream 'x'"),
        ("[[stream]]\nname = 'x'\npattern = 'y'\nwhat = 1\n", "what"),
        ("[[stream]]\nname = 'x'\npattern = 'y'\nmessenger = 'z'\n", "none of"),
        (
            "[[stream]]\nname = 'x'\npattern = 'y'\ncontainment = 68\n",
            "between 0 and 1",
        ),
        ("[[stream]]\nname = 'x'\n", "pattern"),
        (
            "[[stream]]\nname = 'x'\npattern = 'y'\nasymmetric_params = ['a']\n",
            "east, west, north and south",
        ),
        (
            "[[stream]]\nname = 'fermi_gbm_final'\n"
            "asymmetric_params = ['a', 'b', 'c', 'd']\n",
            "with systematic",
        ),
    ],
)
def test_the_error_of_a_wrong_block_is_one_line(tmp_path, text, reason):
    with pytest.raises(ConfigError, match=reason) as raised:
        streams.load(write_streams(tmp_path, text))
    assert "\n" not in str(raised.value)
