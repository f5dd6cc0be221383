# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Documents that trip readers, and what is right to read in each.

Each trap was met in real notices; the documents are ours. `expected` names columns of
events (dots reach into structs); a float is met to 3e-4 of its value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

V20 = "http://www.ivoa.net/xml/VOEvent/v2.0"
GCN = "ivo://nasa.gsfc.gcn"
DATE = "2024-01-15T12:00:00"
NONE = {"ra": None, "dec": None, "error_r90": None, "cells": None, "fisher": None}


@dataclass(frozen=True)
class Trap:
    """A document and the columns to read in it."""

    name: str
    raw: bytes
    expected: dict[str, Any]


def param(name: str, value: object, unit: str = "") -> str:
    """One Param."""
    return f'<Param name="{name}" value="{value}" unit="{unit}"/>'


def params(**values: object) -> str:
    """Params without units."""
    return "".join(param(k, v) for k, v in values.items())


def group(name: str, inner: str) -> str:
    """Write a Group."""
    return f'<Group name="{name}">{inner}</Group>'


def position(
    ra: object, dec: object, error: object | None, unit: str = ' unit="deg"'
) -> str:
    """Write a Position2D, without an error where `error` is None."""
    radius = "" if error is None else f"<Error2Radius>{error}</Error2Radius>"
    return (
        f"<Position2D{unit}><Name1>RA</Name1><Name2>Dec</Name2><Value2><C1>{ra}</C1>"
        f"<C2>{dec}</C2></Value2>{radius}</Position2D>"
    )


def where(time: str | None, place: str = "", system: str = "UTC-FK5-GEO") -> str:
    """Write an ObsDataLocation."""
    moment = (
        f"<Time><TimeInstant><ISOTime>{time}</ISOTime></TimeInstant></Time>"
        if time
        else ""
    )
    return (
        '<ObsDataLocation><ObservatoryLocation id="GEOLUN"/><ObservationLocation>'
        f'<AstroCoordSystem id="{system}"/><AstroCoords coord_system_id="{system}">'
        f"{moment}{place}</AstroCoords></ObservationLocation></ObsDataLocation>"
    )


def cite(ivorn: str, kind: str) -> str:
    """Write an EventIVORN."""
    return f'<EventIVORN cite="{kind}">{ivorn}</EventIVORN>'


def document(
    ivorn: str,
    what: str = "",
    location: str = "",
    cites: str = "",
    *,
    role: str = ' role="observation"',
    date: str = DATE,
    root: str = "voe:VOEvent",
    space: str = f' xmlns:voe="{V20}"',
    version: str = ' version="2.0"',
) -> bytes:
    """Text of a document."""
    citations = f"<Citations>{cites}</Citations>" if cites else ""
    whereabouts = f"<WhereWhen>{location}</WhereWhen>" if location else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><{root}{space}{version}{role}'
        f' ivorn="{ivorn}"><Who><AuthorIVORN>ivo://org.fink-broker/x</AuthorIVORN>'
        f"<Date>{date}</Date></Who><What>{what}</What>{whereabouts}{citations}</{root}>"
    ).encode()


ANY = "ivo://org.example/stream#1"
T = "2024-01-15T10:00:00.5"
UTC = "2024-01-15T10:00:00.500000Z"
HERE = where(T, position(10.5, -20.25, 0.5))
AT = {"ra": 10.5, "dec": -20.25, "position_kind": "source", "time": UTC}


def gcn(kind: str, packet: int, place: str, role: str = "observation", **more) -> bytes:
    """Write a notice as GCN Classic writes them."""
    cites = more.pop("cites", "")
    date = more.pop("date", DATE)
    groups = more.pop("groups", "")
    what = params(Packet_Type=packet, **more) + groups
    return document(
        f"{GCN}/{kind}", what, place, cites, role=f' role="{role}"', date=date
    )


STRUCTURE = (
    Trap("version_11", document(ANY, "", HERE, version=' version="1.1"',
         space=' xmlns:voe="http://www.ivoa.net/xml/VOEvent/v1.1"'),
         AT | {"schema_version": "1.1", "schema_valid": False}),
    Trap("version_21_interval_and_no_error", document(ANY, "", where(None,
         "<Time><TimeInterval><ISOTimeStart>2024-01-15T10:00:00.5</ISOTimeStart>"
         "</TimeInterval></Time>" + position(10.5, -20.25, None)),
         version=' version="2.1"',
         space=' xmlns:voe="http://www.ivoa.net/xml/VOEvent/v2.1"'),
         AT | {"schema_version": "2.1", "error_raw": None, "schema_valid": False}),
    Trap("no_namespace", document(ANY, "", HERE, root="VOEvent", space=""),
         AT | {"schema_valid": False}),
    Trap("children_with_prefix", document(ANY, "", HERE).decode()
         .replace("<", "<voe:").replace("<voe:/", "</voe:")
         .replace("<voe:?", "<?").replace("voe:voe:", "voe:").encode(),
         AT | {"schema_valid": False}),
    Trap("default_namespace", document(ANY, "", HERE, root="VOEvent",
         space=f' xmlns="{V20}"'), AT),
    Trap("children_in_another_order", document(ANY).replace(
         b"<Who>", f"<WhereWhen>{HERE}</WhereWhen><Who>".encode()),
         AT | {"schema_valid": True}),
    Trap("prefix_below_the_top_only", document(ANY, "", HERE).decode()
         .replace("<ObsDataLocation>", "<stc:ObsDataLocation>")
         .replace("</ObsDataLocation>", "</stc:ObsDataLocation>")
         .replace("<WhereWhen>", '<WhereWhen xmlns:stc="urn:stc">').encode(),
         AT | {"schema_valid": False}),
    Trap("two_locations_the_first_counts", document("ivo://HESS/GRB#GRB_ToO1", "",
         HERE + where("2024-01-16T00:00:00", position(99, 9, 1)),
         role=' role="observe"'), AT | {"tense": "observation", "error_raw": 0.5}),
    Trap("no_role_is_an_observation", document(ANY, "", HERE, role=""),
         AT | {"tense": "observation", "schema_valid": True}),
    Trap("nothing_but_an_ivorn", document(ANY), NONE | {"position_kind": "none",
         "time": None, "time_source": "none", "kind": "initial"}),
    Trap("utf_16", document(ANY, "", HERE).decode().replace("UTF-8", "UTF-16")
         .encode("utf-16"), AT),
    Trap("latin_1", document(ANY, params(site="Ondřejov"), HERE).decode()
         .replace("UTF-8", "ISO-8859-1").replace("ř", "é").encode("latin-1"),
         AT | {"params.0.value": "Ondéejov"}),
    Trap("value_as_element_and_attribute", document(ANY,
         '<Param name="a"><Value>1</Value></Param>'
         '<Param name="b" value="2"><Value>3</Value></Param>', HERE),
         AT | {"params.0.value": "1", "params.1.value": "2"}),
    Trap("nested_groups_text_and_duplicates", document(ANY,
         param("x", 1) + param("x", 2) + group("a", "text" + param("x", 3)
         + group("b", param("x", 4))), HERE),
         AT | {"params.1.value": "2", "params.3.group": "a/b", "schema_valid": False}),
    Trap("wrong_types_do_no_harm", document(ANY,
         '<Param name="a" value="maybe" dataType="bool"/>'
         '<Param name="b" value="1" datatype="int"/>', HERE),
         AT | {"schema_valid": False, "params.0.value": "maybe"}),
)  # fmt: skip

TIME = (
    Trap("new_year_time_recovered_from_tjd", gcn("KONUS#Lightcurve_2022-01-00", 59,
         where("2022-01-00T07:00:30.49", position(0, 0, 0)), TrigID=1,
         Burst_TJD=19579, Burst_SOD=25230.49, Coords_Type=0,
         date="2022-01-01T00:10:00"),
         {"time": "2021-12-31T07:00:30.490000Z", "time_source": "tjd"}),
    Trap("absurd_tjd_is_no_time", gcn("SWIFT#BAT_Scaledmap_1", 64,
         where("2023-512--107T00:01:05.28", position(6.4, 64, 0)), TrigID=1,
         Burst_TJD=32156, Burst_SOD=65.28, Coords_Type=2),
         {"time": None, "time_source": "none"}),
    Trap("time_of_another_age_is_no_time", document(ANY, "",
         where("1858-11-17T00:00:00", position(10.5, -20.25, 0.5)),
         date="0001-01-01T00:00:00"),
         {"time": None, "time_source": "none", "issued": None, "ra": 10.5}),
    Trap("time_without_zone_is_utc", document(ANY, "", where("2024-01-15T10:00:00.5")),
         {"time": UTC, "time_source": "isotime"}),
    Trap("time_with_offset", document(ANY, "", where("2024-01-15T12:00:00.5+02:00")),
         {"time": UTC}),
    Trap("terrestrial_time", document(ANY, "",
         where("2024-01-15T10:01:09.684", system="TT-ICRS-TOPO")), {"time": UTC}),
    Trap("gps_time", document(ANY, "",
         where("2024-01-15T10:00:18.5", system="GPS-ICRS-GEO")), {"time": UTC}),
    Trap("barycentric_time", document("ivo://gaia.cam.uk/alerts#Gaia16aac", "", where(
         "2016-01-16T07:52:27", position(73.29423, 7.35212, 2e-5), "TDB-ICRS-BARY")),
         {"event_id": "Gaia16aac", "live": False, "ra": 73.29423}),
    Trap("xrt_time_is_its_observation", gcn("SWIFT#XRT_Pos_1-2", 67, HERE, TrigID=1,
         Coords_Type=1), {"time_source": "observation", "event_id": "Swift-1"}),
    Trap("uvot_time_is_its_observation", gcn("SWIFT#UVOT_Pos_1-2", 81, HERE, TrigID=1,
         Coords_Type=1), {"time_source": "observation", "version": 3000000}),
    Trap("early_warning_lies_in_the_future", document(
         "ivo://gwnet/LVC#S230524x-1-EarlyWarning", params(GraceID="S230524x"),
         where("2024-01-15T13:00:00")), {"time": "2024-01-15T13:00:00.000000Z"}),
)  # fmt: skip

POSITION = (
    Trap("dummy_at_0_0", document(ANY, "", where(T, position(0, 0, 0))),
         NONE | {"position_kind": "dummy", "time": UTC}),
    Trap("minus_one_is_none", gcn("IPN#Raw_1", 31, where(T, position(-1, -1, -1)),
         Burst_TJD=20324, Burst_SOD=1.0), NONE | {"position_kind": "dummy"}),
    Trap("coords_type_0", gcn("CALET#x", 160, where(T, position(3, 4, 1)), TrigID=1,
         Coords_Type=0), NONE | {"position_kind": "pointing"}),
    Trap("coords_type_2_is_a_pointing", document(ANY, params(Coords_Type=2), HERE),
         NONE | {"position_kind": "pointing"}),
    Trap("whole_sky_error_is_none", gcn("SNEWS#Event1", 149,
         where(T, position(0, 0, 360)), TrigID=7, Coords_Type=1),
         NONE | {"position_kind": "none"}),
    Trap("zero_error_takes_the_default", gcn("SWIFT#BAT_GRB_Pos_1-1", 61,
         where(T, position(10.5, -20.25, 0)), TrigID=1, Coords_Type=1),
         AT | {"error_raw": None, "error_r90": 0.05}),
    Trap("negative_error_takes_the_default", gcn("INTEGRAL#Offline_Pos_1-1", 55,
         where(T, position(10.5, -20.25, -0.0508)), TrigID=73750, Coords_Type=1),
         AT | {"error_raw": None, "error_r90": 0.05}),
    Trap("no_unit_is_degrees", document(ANY, "", where(T,
         position(10.5, -20.25, 0.5, unit=""))), AT | {"error_raw": 0.5}),
    Trap("error_in_arcminutes", document(ANY, "", where(T,
         position(10.5, -20.25, 30, unit=' unit="arcmin"'))), AT | {"error_raw": 0.5}),
    Trap("galactic_frame", document(ANY, "", where(T, position(0, 0, 0.5),
         "UTC-GAL-TOPO")), {"ra": 266.40498829, "dec": -28.93617776}),
    Trap("nan_is_no_position", document(ANY, "", where(T, position("NaN", 1, 1))),
         NONE | {"position_kind": "dummy"}),
    Trap("declination_out_of_range", document(ANY, "", where(T, position(1, 91, 1))),
         NONE | {"position_kind": "dummy"}),
    Trap("names_turned_round", document(ANY, "", where(T, position(-20.25, 10.5, 0.5)
         .replace("RA", "x").replace("Dec", "RA").replace("x", "Dec"))), AT),
)  # fmt: skip

GBM_PLACE = where(T, position(10.5, -20.25, 3))
STREAMS = (
    Trap("gbm_alert_has_no_position", gcn("Fermi#GBM_Alert_1", 110,
         where(T, position(0, 0, 0)), TrigID=420, Sequence_Num=1, Coords_Type=0,
         Trig_Signif=6.8), NONE | {"event_id": "GBM-420", "version": 1,
         "kind": "initial", "significance.value": 6.8}),
    Trap("gbm_flight_error_is_widened", gcn("Fermi#GBM_Flt_Pos_1", 111, GBM_PLACE,
         TrigID=420, Sequence_Num=48, Coords_Type=1),
         AT | {"error_raw": 3.0, "containment": 0.68, "error_r90": 16.68,
         "version": 1000048, "kind": "update"}),
    Trap("gbm_ground_error_is_widened", gcn("Fermi#GBM_Gnd_Pos_1", 112, GBM_PLACE,
         TrigID=420, Sequence_Num=59, Coords_Type=1), {"error_r90": 10.92}),
    Trap("gbm_final_has_no_underscore", gcn("Fermi#GBM_Fin_Pos2018-01-01", 115,
         GBM_PLACE, TrigID=420, Sequence_Num=0, Coords_Type=1,
         date="2018-01-01T00:00:00", cites=cite("ivo://nasa.gsfc.gcn/Fermi#x",
         "followup")), {"stream": "fermi_gbm_final", "error_r90": 8.207,
         "event_id": "GBM-420", "version": 4000000, "cites.0.cite": "followup"}),
    Trap("gbm_robot_before_roboba", gcn("Fermi#GBM_Fin_Pos2018-01-01", 115, GBM_PLACE,
         TrigID=420, date="2018-01-01T00:00:00",
         groups=group("Trigger_ID", params(Robo_generated="true"))),
         {"stream": "fermi_gbm_final"}),
    Trap("gbm_roboba", gcn("Fermi#GBM_Fin_Pos2023-01-01", 115, GBM_PLACE, TrigID=420,
         groups=group("Trigger_ID", params(Robo_generated="true"))),
         {"stream": "fermi_gbm_final_roboba", "error_r90": 6.219}),
    Trap("lat_error_is_in_degrees", gcn("Fermi#LAT_Offline_Pos_1", 128,
         where(T, position(10.5, -20.25, 0.38)), TrigID=221027173, Coords_Type=1),
         AT | {"error_r90": 0.38, "event_id": "LAT-offline-221027173"}),
    Trap("lat_minus_zero_significance", gcn("Fermi#LAT_Offline_Pos_1", 128, HERE,
         TrigID=221027173, Trigger_Signif="-0.00"), {"significance.value": 0.0}),
    Trap("bat_error_holds_90_percent", gcn("SWIFT#BAT_GRB_Pos_1-1", 61,
         where(T, position(10.5, -20.25, 0.05)), TrigID=1, Coords_Type=1),
         AT | {"containment": 0.9, "error_r90": 0.05, "kind": "initial"}),
    Trap("bat_filler_is_no_significance", gcn("SWIFT#BAT_GRB_Pos_1-1", 61, HERE,
         TrigID=1, Image_Signif=-21474836.48), {"significance": None}),
    Trap("bat_sub_sub_threshold_is_off", gcn("SWIFT#BAT_SubSubThresh_Pos_-12", 140,
         HERE, TrigID=-12), {"live": False, "event_id": "Swift-subsub--12"}),
    Trap("bat_known_source_is_off", gcn("SWIFT#BAT_Known_Pos_-12", 141, HERE,
         TrigID=-12), {"live": False}),
    Trap("slew_is_off", gcn("SWIFT#FOM_Obs_1-2", 65, HERE, TrigID=1, Coords_Type=1),
         {"live": False}),
    Trap("integral_wakeup", gcn("INTEGRAL#Wakeup_Pos_010056-0-1", 53, HERE,
         TrigID=10056), {"event_id": "INTEGRAL-10056", "version": 0}),
    Trap("integral_refined_is_the_same_event", gcn("INTEGRAL#Refined_Pos_010056-1-2",
         54, HERE, TrigID=75592), {"event_id": "INTEGRAL-10056", "version": 1000000}),
    Trap("integral_test_flag", gcn("INTEGRAL#Wakeup_Pos_0-0-1", 53, HERE, TrigID=0,
         groups=group("Test_mpos", params(Test_Notice="true"))), {"tense": "test"}),
    Trap("maxi_known_source_is_off", gcn("MAXI#Known_source_Pos_1", 135, HERE,
         TrigID=1), {"live": False, "messenger": "xray"}),
    Trap("gecam_attribute_and_own_time", gcn("GECAM#GND_Event_2023-12-05T241:59:05.04",
         189, where("2023-12-05T02:25:11.45", position(10.5, -20.25, 6.11)),
         Trigger_Number=241, MISSION="B", Pkt_Ser_Num=4).replace(
         b'unit=""', b'datatype="x"'), {"event_id": "GECAM-B-241", "containment": 0.68,
         "time": "2023-12-05T02:25:11.450000Z", "schema_valid": False, "version": 4}),
    Trap("gecam_test_by_number", gcn("GECAM#FLT_Event_1", 188, HERE,
         Trigger_Number=100000001, MISSION="B"), {"tense": "test"}),
    Trap("calet_position_is_a_pointing", gcn("CALET#GBM_Flight_Lightcurve_1", 160,
         where(T, position(61, -18, 0)), TrigID=1, Coords_Type=2),
         NONE | {"position_kind": "pointing"}),
    Trap("icecube_gold", gcn("AMON#ICECUBE_GOLD_Event1_0", 173, where(T,
         position(10.5, -20.25, 0.92)), run_id=134191, event_id=17593623, Rev=0,
         groups=param("FAR", 0.2894, "yr^-1") + group("Trigger_ID",
         params(RADec_valid="false", Test="false", Retraction="false"))),
         AT | {"event_id": "IceCube-134191-17593623", "error_r90": 0.92, "kind":
         "initial", "far": 9.170507e-09, "messenger": "neutrino"}),
    Trap("icecube_revision", gcn("AMON#ICECUBE_GOLD_Event1_1", 173, HERE,
         run_id=134191, event_id=17593623, Rev=1), {"version": 1, "kind": "update",
         "event_id": "IceCube-134191-17593623"}),
    Trap("icecube_retraction_flag", gcn("AMON#ICECUBE_GOLD_Event1_1", 173, HERE,
         run_id=1, event_id=2, Rev=1,
         groups=group("Trigger_ID", params(Retraction="true"))), {"kind":
         "retraction"}),
    Trap("icecube_ehe_error_holds_half", gcn("AMON#ICECUBE_EHE_Event1", 169,
         where(T, position(10.5, -20.25, 0.25)), run_id=1, event_id=2),
         {"containment": 0.5, "error_r90": 0.45565}),
    Trap("icecube_cascade_map", gcn("AMON#ICECUBE_Cascade_Event1", 176, HERE, run_id=1,
         event_id=2, skymap_fits="https://example.org/m.fits"),
         {"skymap_url": "https://example.org/m.fits"}),
    Trap("amon_neutrino_and_gamma", gcn("AMON#NU_EM_Event1", 172,
         where(T, position(10.5, -20.25, 0.17)), Event_ID=142904, Pair_Name_ID=1,
         src_err_50=10.2, retraction=0), {"containment": 0.5, "kind": "initial"}),
    Trap("amon_test_as_observation", gcn("AMON#TEST_Event1", 159, HERE, TrigID=99999),
         {"tense": "test"}),
    Trap("hawc_map_not_yet_there", gcn("AMON#HAWC_BURST_MONITOR_Event1", 171, where(T,
         position(10.5, -20.25, 0.4)), run_id=1, event_id=2, src_err_90=24,
         SkyMap="http://not.yet.available"), AT | {"error_r90": 0.4,
         "skymap_url": None}),
    Trap("superk_error_is_a_param", gcn("SK_SN#Event_1", 175, where(T,
         position(10.5, -20.25, 0)), Trigger_Number=1, Pkt_TJD=19284,
         Src_Error68=4.0, Src_Error90=6.0), AT | {"error_raw": 6.0, "error_r90": 6.0,
         "messenger": "supernova"}),
)  # fmt: skip


def lvk(serial: int, kind: str, name: str = "S230518h", **more) -> bytes:
    """Write a notice of LIGO, Virgo and KAGRA."""
    cites, role = more.pop("cites", ""), more.pop("role", "observation")
    classes = group("Classification", params(BNS=0.25, Terrestrial=0.75))
    what = params(GraceID=name, AlertType=kind, **more) + param("FAR", 3.2e-10, "Hz")
    return document(
        f"ivo://gwnet/LVC#{name}-{serial}-{kind}",
        what + group("GW_SKYMAP", params(skymap_fits="https://x.org/m.fits")) + classes,
        where("2024-01-15T10:00:00.5Z"),
        cites,
        role=f' role="{role}"',
    )


CHIME = "ivo://ca.chimenet.frb"
EVENT_NO = group("event parameters", params(event_no=181344768, snr=12.5))
LIFE = (
    Trap("lvk_has_no_position", lvk(1, "Preliminary"), NONE | {"event_id": "S230518h",
         "version": 1, "kind": "initial", "far": 3.2e-10, "messenger": "gw",
         "classification": {"BNS": 0.25, "Terrestrial": 0.75}, "live": True,
         "skymap_url": "https://x.org/m.fits", "notice_type": "Preliminary"}),
    Trap("lvk_update_cites_all_before", lvk(3, "Update", cites=cite(
         "ivo://gwnet/LVC#S230518h-1-Preliminary", "supersedes") + cite(
         "ivo://gwnet/LVC#S230518h-2-Initial", "supersedes")),
         {"kind": "update", "version": 3, "cites.1.ivorn":
         "ivo://gwnet/LVC#S230518h-2-Initial"}),
    Trap("lvk_retraction_by_citation", lvk(4, "Note", cites=cite(
         "ivo://gwnet/LVC#S230518h-3-Update", "retraction")), {"kind": "retraction"}),
    Trap("lvk_retraction_that_supersedes", lvk(4, "Retraction", Packet_Type=164,
         cites=cite("ivo://gwnet/LVC#S230518h-3-Update", "supersedes")),
         {"kind": "retraction", "version": 4}),
    Trap("lvk_retraction_by_packet", lvk(4, "Note", Packet_Type=164),
         {"kind": "retraction"}),
    Trap("lvk_raised_again", lvk(6, "Update", cites=cite(
         "ivo://gwnet/LVC#S230518h-5-Retraction", "supersedes")),
         {"kind": "update", "version": 6}),
    Trap("lvk_mock_with_role_test", lvk(1, "Preliminary", "MS181101ab", role="test"),
         {"tense": "injection"}),
    Trap("lvk_mock_with_role_observation", lvk(1, "Initial", "MS181101ab"),
         {"tense": "injection"}),
    Trap("lvk_mock_data_challenge", lvk(1, "Initial", Search="MDC"),
         {"tense": "injection"}),
    Trap("svom_cites_what_was_never_public", document(
         "ivo://org.svom/fsc#sb25120806_eclairs-wakeup",
         params(Packet_Type=202, Pkt_Ser_Num=1) + group("Svom_Identifiers",
         params(Burst_Id="sb25120806")), where(T, position(10.5, -20.25, 0.2)),
         cite("ivo://org.svom/fsc#never_seen", "followup")),
         AT | {"event_id": "SVOM-sb25120806", "kind": "initial", "error_r90": 0.2}),
    Trap("chime_detection", document(f"{CHIME}/FRB-DETECTION-#1", EVENT_NO,
         where(T, position(10.5, -20.25, 0.1))), AT | {"containment": 0.95,
         "event_id": "CHIME-FRB-181344768", "error_r90": 0.0876694, "messenger": "frb",
         "significance.value": 12.5}),
    Trap("chime_retraction_is_a_utility", document(f"{CHIME}/OBS-RETRACTION-#2",
         EVENT_NO, "", cite(f"{CHIME}/FRB-DETECTION-#1", "retraction"),
         role=' role="utility"'), {"kind": "retraction",
         "event_id": "CHIME-FRB-181344768"}),
    Trap("retraction_by_citation_alone", document("ivo://org.example/s#3", "", "",
         cite("ivo://org.example/s#1", "retraction")),
         {"kind": "retraction", "event_id": "ivo://org.example/s#1"}),
    Trap("empty_citation_links_nothing", document(ANY, "", HERE, cite("", "supersedes")
         + cite("  ", "retraction")), {"cites": [], "kind": "initial"}),
    Trap("comet_test_event", document("ivo://org.example/broker#TestEvent-1",
         role=' role="test"'), {"tense": "test", "live": False}),
    Trap("observatory_request_has_no_time", document(
         "ivo://voevent.phys.soton.ac.uk/AMI-REQUEST#1", "", where(None,
         position(10.5, -20.25, 0.05)), role=' role="utility"'),
         {"tense": "utility", "time": None, "live": False}),
    Trap("ivorn_without_local_part", document(f"{GCN}/gcn", role=' role="utility"'),
         {"stream": "network", "live": False}),
    Trap("unknown_publisher", document(ANY, "", HERE), AT | {"stream": "unknown",
         "live": True, "event_id": ANY, "error_r90": 0.5, "window_after": 7.0}),
    Trap("prediction", document(ANY, "", HERE, role=' role="prediction"'),
         {"tense": "prediction"}),
)  # fmt: skip

TRAPS = (*STRUCTURE, *TIME, *POSITION, *STREAMS, *LIFE)
