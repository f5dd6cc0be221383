# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Documents that trip readers, and what is right to read in each.

Each trap was met in real notices; the documents are ours. `expected` names columns of
events (dots reach into structs); a float is met to 3e-4 of its value.
"""

from __future__ import annotations

from trap_documents import (
    ANY,
    AT,
    HERE,
    NONE,
    UTC,
    V20,
    T,
    Trap,
    document,
    gcn,
    group,
    param,
    params,
    position,
    where,
)
from trap_streams import LIFE, STREAMS

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

TRAPS = (*STRUCTURE, *TIME, *POSITION, *STREAMS, *LIFE)
