# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What catalogues in a packet say, without their fillers."""

from __future__ import annotations

from fink_voevent.alerts.known_as import known_as


def test_fillers_say_nothing():
    nothing = {"cdsxmatch": "Unknown", "tns": "", "mangrove": [("lum_dist", "None")]}
    assert known_as(nothing) == ()
    assert known_as({"cdsxmatch": "Fail 504", "xm": None}) == ()
    assert known_as({"xm": {"legacydr8_zphot": float("nan")}}) == ()


def test_catalogues_of_ztf_are_read():
    galaxy = [("HyperLEDA_name", "NGC4993"), ("lum_dist", "39.99")]
    packet = {"cdsxmatch": "Galaxy", "tns": "SN Ia", "mangrove": galaxy}
    assert known_as(packet) == (
        "SIMBAD: Galaxy",
        "TNS: SN Ia",
        "within 1' of the galaxy HyperLEDA NGC4993 at 40 Mpc",
    )


def test_a_star_in_the_catalogue_of_galaxies_is_no_host():
    assert known_as({"mangrove": [("lum_dist", "2.14")]}) == ()


def test_a_photometric_redshift_of_rubin_has_its_error():
    matches = {"legacydr8_zphot": 0.41, "legacydr8_e_zphot": 0.07}
    expected = ("photometric redshift 0.41 ± 0.07 (Legacy Survey DR8)",)
    assert known_as({"xm": matches}) == expected
