# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Documents that are easily misread, and the values that should be read in each.

Each such trap occurs in real notices; the documents themselves are artificial. Their
field `expected` gives columns of the table events, where dots lead into structs and
lists. Floats agree to a relative 3e-4.
"""

from __future__ import annotations

from trap_documents import (
    DATED,
    IVORN,
    NO_PLACE,
    PLACE,
    READ_PLACE,
    READ_TIME,
    TIME,
    V20,
    Trap,
    document,
    gcn,
    group,
    param,
    params,
    position,
    where,
)
from trap_streams import EVENT_TRAPS, STREAM_TRAPS

STRUCTURE_TRAPS = (
    Trap("version_11", document(IVORN, "", PLACE, version=' version="1.1"',
         space=' xmlns:voe="http://www.ivoa.net/xml/VOEvent/v1.1"'),
         READ_PLACE | {"schema_version": "1.1", "schema_valid": False}),
    Trap("version_21_interval_and_no_error", document(IVORN, "", where(None,
         "<Time><TimeInterval><ISOTimeStart>2024-01-15T10:00:00.5</ISOTimeStart>"
         "</TimeInterval></Time>" + position(10.5, -20.25, None)),
         version=' version="2.1"',
         space=' xmlns:voe="http://www.ivoa.net/xml/VOEvent/v2.1"'),
         READ_PLACE | {"schema_version": "2.1", "error_raw": None,
         "schema_valid": False}),
    Trap("no_namespace", document(IVORN, "", PLACE, root="VOEvent", space=""),
         READ_PLACE | {"schema_valid": False}),
    Trap("children_with_prefix", document(IVORN, "", PLACE).decode()
         .replace("<", "<voe:").replace("<voe:/", "</voe:")
         .replace("<voe:?", "<?").replace("voe:voe:", "voe:").encode(),
         READ_PLACE | {"schema_valid": False}),
    Trap("default_namespace", document(IVORN, "", PLACE, root="VOEvent",
         space=f' xmlns="{V20}"'), READ_PLACE),
    Trap("children_in_another_order", document(IVORN).replace(
         b"<Who>", f"<WhereWhen>{PLACE}</WhereWhen><Who>".encode()),
         READ_PLACE | {"schema_valid": True}),
    Trap("prefix_below_the_top_only", document(IVORN, "", PLACE).decode()
         .replace("<ObsDataLocation>", "<stc:ObsDataLocation>")
         .replace("</ObsDataLocation>", "</stc:ObsDataLocation>")
         .replace("<WhereWhen>", '<WhereWhen xmlns:stc="urn:stc">').encode(),
         READ_PLACE | {"schema_valid": False}),
    Trap("two_locations_the_first_counts", document("ivo://HESS/GRB#GRB_ToO1", "",
         PLACE + where("2024-01-16T00:00:00", position(99, 9, 1)),
         role=' role="observe"'), READ_PLACE | {"tense": "observation",
         "error_raw": 0.5}),
    Trap("no_role_is_an_observation", document(IVORN, "", PLACE, role=""),
         READ_PLACE | {"tense": "observation", "schema_valid": True}),
    Trap("nothing_but_an_ivorn", document(IVORN), NO_PLACE | {"position_kind": "none",
         "time": None, "time_source": "none", "kind": "initial"}),
    Trap("utf_16", document(IVORN, "", PLACE).decode().replace("UTF-8", "UTF-16")
         .encode("utf-16"), READ_PLACE),
    Trap("latin_1", document(IVORN, params(site="Ondřejov"), PLACE).decode()
         .replace("UTF-8", "ISO-8859-1").replace("ř", "é").encode("latin-1"),
         READ_PLACE | {"params.0.value": "Ondéejov"}),
    Trap("value_as_element_and_attribute", document(IVORN,
         '<Param name="a"><Value>1</Value></Param>'
         '<Param name="b" value="2"><Value>3</Value></Param>', PLACE),
         READ_PLACE | {"params.0.value": "1", "params.1.value": "2"}),
    Trap("nested_groups_text_and_duplicates", document(IVORN,
         param("x", 1) + param("x", 2) + group("a", "text" + param("x", 3)
         + group("b", param("x", 4))), PLACE),
         READ_PLACE | {"params.1.value": "2", "params.3.group": "a/b",
         "schema_valid": False}),
    Trap("wrong_types_do_no_harm", document(IVORN,
         '<Param name="a" value="maybe" dataType="bool"/>'
         '<Param name="b" value="1" datatype="int"/>', PLACE),
         READ_PLACE | {"schema_valid": False, "params.0.value": "maybe"}),
)  # fmt: skip

TIME_TRAPS = (
    Trap("new_year_time_recovered_from_tjd", gcn("KONUS#Lightcurve_2022-01-00", 59,
         where("2022-01-00T07:00:30.49", position(0, 0, 0)), TrigID=1,
         Burst_TJD=19579, Burst_SOD=25230.49, Coords_Type=0,
         date="2022-01-01T00:10:00"),
         {"time": "2021-12-31T07:00:30.490000Z", "time_source": "tjd"}),
    Trap("absurd_tjd_is_no_time", gcn("SWIFT#BAT_Scaledmap_1", 64,
         where("2023-512--107T00:01:05.28", position(6.4, 64, 0)), TrigID=1,
         Burst_TJD=32156, Burst_SOD=65.28, Coords_Type=2),
         {"time": "2024-01-15T12:00:00.000000Z", "time_source": "issued"}),
    Trap("time_of_another_age_is_no_time", document(IVORN, "",
         where("1858-11-17T00:00:00", position(10.5, -20.25, 0.5)),
         date="0001-01-01T00:00:00"),
         {"time": None, "time_source": "none", "issued": None, "ra": 10.5}),
    Trap("time_without_zone_is_utc", document(IVORN, "",
         where("2024-01-15T10:00:00.5")),
         {"time": READ_TIME, "time_source": "isotime"}),
    Trap("time_with_offset", document(IVORN, "", where("2024-01-15T12:00:00.5+02:00")),
         {"time": READ_TIME}),
    Trap("terrestrial_time", document(IVORN, "",
         where("2024-01-15T10:01:09.684", system="TT-ICRS-TOPO")), {"time": READ_TIME}),
    Trap("gps_time", document(IVORN, "",
         where("2024-01-15T10:00:18.5", system="GPS-ICRS-GEO")), {"time": READ_TIME}),
    Trap("barycentric_time", document("ivo://gaia.cam.uk/alerts#Gaia16aac", "", where(
         "2016-01-16T07:52:27", position(73.29423, 7.35212, 2e-5), "TDB-ICRS-BARY")),
         {"event_id": "Gaia16aac", "live": False, "ra": 73.29423}),
    Trap("xrt_time_is_its_observation", gcn("SWIFT#XRT_Pos_1-2", 67, PLACE, TrigID=1,
         Coords_Type=1), {"time_source": "observation", "event_id": "Swift-1"}),
    Trap("uvot_time_is_its_observation", gcn("SWIFT#UVOT_Pos_1-2", 81, PLACE, TrigID=1,
         Coords_Type=1), {"time_source": "observation", "version": DATED + 3 * 10**13}),
    Trap("early_warning_lies_in_the_future", document(
         "ivo://gwnet/LVC#S230524x-1-EarlyWarning", params(GraceID="S230524x"),
         where("2024-01-15T13:00:00")), {"time": "2024-01-15T13:00:00.000000Z"}),
)  # fmt: skip

POSITION_TRAPS = (
    Trap("dummy_at_0_0", document(IVORN, "", where(TIME, position(0, 0, 0))),
         NO_PLACE | {"position_kind": "dummy", "time": READ_TIME}),
    Trap("minus_one_is_none", gcn("IPN#Raw_1", 31, where(TIME, position(-1, -1, -1)),
         Burst_TJD=20324, Burst_SOD=1.0), NO_PLACE | {"position_kind": "dummy"}),
    Trap("coords_type_0", gcn("CALET#x", 160, where(TIME, position(3, 4, 1)), TrigID=1,
         Coords_Type=0), NO_PLACE | {"position_kind": "pointing"}),
    Trap("coords_type_2_is_a_pointing", document(IVORN, params(Coords_Type=2), PLACE),
         NO_PLACE | {"position_kind": "pointing"}),
    Trap("whole_sky_error_is_none", gcn("SNEWS#Event1", 149,
         where(TIME, position(0, 0, 360)), TrigID=7, Coords_Type=1),
         NO_PLACE | {"position_kind": "none"}),
    Trap("zero_error_takes_the_default", gcn("SWIFT#BAT_GRB_Pos_1-1", 61,
         where(TIME, position(10.5, -20.25, 0)), TrigID=1, Coords_Type=1),
         READ_PLACE | {"error_raw": None, "error_r90": 0.05}),
    Trap("negative_error_takes_the_default", gcn("INTEGRAL#Offline_Pos_1-1", 55,
         where(TIME, position(10.5, -20.25, -0.0508)), TrigID=73750, Coords_Type=1),
         READ_PLACE | {"error_raw": None, "error_r90": 0.05}),
    Trap("no_unit_is_degrees", document(IVORN, "", where(TIME,
         position(10.5, -20.25, 0.5, unit=""))), READ_PLACE | {"error_raw": 0.5}),
    Trap("error_in_arcminutes", document(IVORN, "", where(TIME,
         position(10.5, -20.25, 30, unit=' unit="arcmin"'))),
         READ_PLACE | {"error_raw": 0.5}),
    Trap("galactic_frame", document(IVORN, "", where(TIME, position(0, 0, 0.5),
         "UTC-GAL-TOPO")), {"ra": 266.40498829, "dec": -28.93617776}),
    Trap("nan_is_no_position", document(IVORN, "", where(TIME, position("NaN", 1, 1))),
         NO_PLACE | {"position_kind": "dummy"}),
    Trap("declination_out_of_range", document(IVORN, "",
         where(TIME, position(1, 91, 1))),
         NO_PLACE | {"position_kind": "dummy"}),
    Trap("names_turned_round", document(IVORN, "", where(TIME,
         position(-20.25, 10.5, 0.5).replace("RA", "x").replace("Dec", "RA")
         .replace("x", "Dec"))), READ_PLACE),
)  # fmt: skip

TRAPS = (*STRUCTURE_TRAPS, *TIME_TRAPS, *POSITION_TRAPS, *STREAM_TRAPS, *EVENT_TRAPS)
