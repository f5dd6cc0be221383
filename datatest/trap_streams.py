# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Traps of single publishers, and traps in the sequence of notices of an event."""

from __future__ import annotations

from trap_documents import (
    DATED,
    GCN,
    IVORN,
    NO_PLACE,
    PLACE,
    READ_PLACE,
    TIME,
    Trap,
    cite,
    document,
    gcn,
    group,
    param,
    params,
    position,
    where,
)

GBM_PLACE = where(TIME, position(10.5, -20.25, 3))
STREAM_TRAPS = (
    Trap("gbm_alert_has_no_position", gcn("Fermi#GBM_Alert_1", 110,
         where(TIME, position(0, 0, 0)), TrigID=420, Sequence_Num=1, Coords_Type=0,
         Trig_Signif=6.8), NO_PLACE | {"event_id": "GBM-420", "version": DATED,
         "kind": "initial", "significance.value": 6.8}),
    Trap("gbm_flight_error_is_widened", gcn("Fermi#GBM_Flt_Pos_1", 111, GBM_PLACE,
         TrigID=420, Sequence_Num=48, Coords_Type=1),
         READ_PLACE | {"error_raw": 3.0, "containment": 0.68, "error_r90": 16.68,
         "version": DATED + 10**13, "kind": "update"}),
    Trap("gbm_ground_error_is_widened", gcn("Fermi#GBM_Gnd_Pos_1", 112, GBM_PLACE,
         TrigID=420, Sequence_Num=59, Coords_Type=1), {"error_r90": 10.92}),
    Trap("gbm_final_has_no_underscore", gcn("Fermi#GBM_Fin_Pos2018-01-01", 115,
         GBM_PLACE, TrigID=420, Sequence_Num=0, Coords_Type=1,
         date="2018-01-01T00:00:00", cites=cite("ivo://nasa.gsfc.gcn/Fermi#x",
         "followup")), {"stream": "fermi_gbm_final", "error_r90": 8.207,
         "event_id": "GBM-420", "version": 41514764800000, "cites.0.cite": "followup"}),
    Trap("gbm_robot_before_roboba", gcn("Fermi#GBM_Fin_Pos2018-01-01", 115, GBM_PLACE,
         TrigID=420, date="2018-01-01T00:00:00",
         groups=group("Trigger_ID", params(Robo_generated="true"))),
         {"stream": "fermi_gbm_final"}),
    Trap("gbm_roboba", gcn("Fermi#GBM_Fin_Pos2023-01-01", 115, GBM_PLACE, TrigID=420,
         groups=group("Trigger_ID", params(Robo_generated="true"))),
         {"stream": "fermi_gbm_final_roboba", "error_r90": 6.219}),
    Trap("lat_error_is_in_degrees", gcn("Fermi#LAT_Offline_Pos_1", 128,
         where(TIME, position(10.5, -20.25, 0.38)), TrigID=221027173, Coords_Type=1),
         READ_PLACE | {"error_r90": 0.38, "event_id": "LAT-offline-221027173"}),
    Trap("lat_minus_zero_significance", gcn("Fermi#LAT_Offline_Pos_1", 128, PLACE,
         TrigID=221027173, Trigger_Signif="-0.00"), {"significance": None}),
    Trap("bat_error_holds_90_percent", gcn("SWIFT#BAT_GRB_Pos_1-1", 61,
         where(TIME, position(10.5, -20.25, 0.05)), TrigID=1, Coords_Type=1),
         READ_PLACE | {"containment": 0.9, "error_r90": 0.05, "kind": "initial"}),
    Trap("bat_filler_is_no_significance", gcn("SWIFT#BAT_GRB_Pos_1-1", 61, PLACE,
         TrigID=1, Image_Signif=-21474836.48), {"significance": None}),
    Trap("bat_sub_sub_threshold_is_off", gcn("SWIFT#BAT_SubSubThresh_Pos_-12", 140,
         PLACE, TrigID=-12), {"live": False, "event_id": "Swift-subsub--12"}),
    Trap("bat_known_source_is_off", gcn("SWIFT#BAT_Known_Pos_-12", 141, PLACE,
         TrigID=-12), {"live": False}),
    Trap("slew_is_off", gcn("SWIFT#FOM_Obs_1-2", 65, PLACE, TrigID=1, Coords_Type=1),
         {"live": False}),
    Trap("integral_wakeup", gcn("INTEGRAL#Wakeup_Pos_010056-0-1", 53, PLACE,
         TrigID=10056), {"event_id": "INTEGRAL-10056", "version": DATED}),
    Trap("integral_refined_is_the_same_event", gcn("INTEGRAL#Refined_Pos_010056-1-2",
         54, PLACE, TrigID=75592), {"event_id": "INTEGRAL-10056",
         "version": DATED + 10**13}),
    Trap("integral_test_flag", gcn("INTEGRAL#Wakeup_Pos_0-0-1", 53, PLACE, TrigID=0,
         groups=group("Test_mpos", params(Test_Notice="true"))), {"tense": "test"}),
    Trap("maxi_known_source_is_off", gcn("MAXI#Known_source_Pos_1", 135, PLACE,
         TrigID=1), {"live": False, "messenger": "xray"}),
    Trap("gecam_attribute_and_own_time", gcn("GECAM#GND_Event_2023-12-05T241:59:05.04",
         189, where("2023-12-05T02:25:11.45", position(10.5, -20.25, 6.11)),
         Trigger_Number=241, MISSION="B", Pkt_Ser_Num=4).replace(
         b'unit=""', b'datatype="x"'), {"event_id": "GECAM-B-241", "containment": 0.68,
         "time": "2023-12-05T02:25:11.450000Z", "schema_valid": False,
         "version": DATED + 10**13}),
    Trap("gecam_test_by_number", gcn("GECAM#FLT_Event_1", 188, PLACE,
         Trigger_Number=100000001, MISSION="B"), {"tense": "test"}),
    Trap("calet_position_is_a_pointing", gcn("CALET#GBM_Flight_Lightcurve_1", 160,
         where(TIME, position(61, -18, 0)), TrigID=1, Coords_Type=2),
         NO_PLACE | {"position_kind": "pointing"}),
    Trap("icecube_gold", gcn("AMON#ICECUBE_GOLD_Event1_0", 173, where(TIME,
         position(10.5, -20.25, 0.92)), run_id=134191, event_id=17593623, Rev=0,
         groups=param("FAR", 0.2894, "yr^-1") + group("Trigger_ID",
         params(RADec_valid="false", Test="false", Retraction="false"))),
         READ_PLACE | {"event_id": "IceCube-134191-17593623", "error_r90": 0.92, "kind":
         "initial", "far": 9.170507e-09, "messenger": "neutrino"}),
    Trap("icecube_revision", gcn("AMON#ICECUBE_GOLD_Event1_1", 173, PLACE,
         run_id=134191, event_id=17593623, Rev=1), {"version": DATED + 1,
         "kind": "update", "event_id": "IceCube-134191-17593623"}),
    Trap("icecube_retraction_flag", gcn("AMON#ICECUBE_GOLD_Event1_1", 173, PLACE,
         run_id=1, event_id=2, Rev=1,
         groups=group("Trigger_ID", params(Retraction="true"))), {"kind":
         "retraction"}),
    Trap("icecube_ehe_error_holds_half", gcn("AMON#ICECUBE_EHE_Event1", 169,
         where(TIME, position(10.5, -20.25, 0.25)), run_id=1, event_id=2),
         {"containment": 0.5, "error_r90": 0.45565}),
    Trap("icecube_cascade_map", gcn("AMON#ICECUBE_Cascade_Event1", 176, PLACE, run_id=1,
         event_id=2, skymap_fits="https://example.org/m.fits"),
         {"skymap_url": "https://example.org/m.fits"}),
    Trap("amon_neutrino_and_gamma", gcn("AMON#NU_EM_Event1", 172,
         where(TIME, position(10.5, -20.25, 0.17)), Event_ID=142904, Pair_Name_ID=1,
         src_err_50=10.2, retraction=0), {"containment": 0.5, "kind": "initial"}),
    Trap("amon_test_as_observation", gcn("AMON#TEST_Event1", 159, PLACE, TrigID=99999),
         {"tense": "test"}),
    Trap("hawc_map_not_yet_there", gcn("AMON#HAWC_BURST_MONITOR_Event1", 171,
         where(TIME, position(10.5, -20.25, 0.4)), run_id=1, event_id=2, src_err_90=24,
         SkyMap="http://not.yet.available"), READ_PLACE | {"error_r90": 0.4,
         "skymap_url": None}),
    Trap("superk_error_is_a_param", gcn("SK_SN#Event_1", 175, where(TIME,
         position(10.5, -20.25, 0)), Trigger_Number=1, Pkt_TJD=19284,
         Src_Error68=4.0, Src_Error90=6.0), READ_PLACE | {"error_raw": 6.0,
         "error_r90": 6.0, "messenger": "supernova"}),
)  # fmt: skip


def lvk(serial: int, kind: str, name: str = "S230518h", **more) -> bytes:
    """Return a VOEvent of LIGO, Virgo and KAGRA."""
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
EVENT_TRAPS = (
    Trap("lvk_has_no_position", lvk(1, "Preliminary"), NO_PLACE | {
         "event_id": "S230518h", "version": DATED + 10**13 + 1, "kind": "initial",
         "far": 3.2e-10,
         "messenger": "gw", "classification": {"BNS": 0.25, "Terrestrial": 0.75},
         "live": True, "skymap_url": "https://x.org/m.fits",
         "notice_type": "Preliminary"}),
    Trap("lvk_update_cites_all_before", lvk(3, "Update", cites=cite(
         "ivo://gwnet/LVC#S230518h-1-Preliminary", "supersedes") + cite(
         "ivo://gwnet/LVC#S230518h-2-Initial", "supersedes")),
         {"kind": "update", "version": DATED + 10**13 + 3, "cites.1.ivorn":
         "ivo://gwnet/LVC#S230518h-2-Initial"}),
    Trap("lvk_retraction_by_citation", lvk(4, "Note", cites=cite(
         "ivo://gwnet/LVC#S230518h-3-Update", "retraction")), {"kind": "retraction"}),
    Trap("lvk_retraction_that_supersedes", lvk(4, "Retraction", Packet_Type=164,
         cites=cite("ivo://gwnet/LVC#S230518h-3-Update", "supersedes")),
         {"kind": "retraction", "version": DATED + 10**13 + 4}),
    Trap("lvk_retraction_by_packet", lvk(4, "Note", Packet_Type=164),
         {"kind": "retraction"}),
    Trap("lvk_raised_again", lvk(6, "Update", cites=cite(
         "ivo://gwnet/LVC#S230518h-5-Retraction", "supersedes")),
         {"kind": "update", "version": DATED + 10**13 + 6}),
    Trap("lvk_mock_with_role_test", lvk(1, "Preliminary", "MS181101ab", role="test"),
         {"tense": "injection"}),
    Trap("lvk_mock_with_role_observation", lvk(1, "Initial", "MS181101ab"),
         {"tense": "injection"}),
    Trap("lvk_mock_data_challenge", lvk(1, "Initial", Search="MDC"),
         {"tense": "injection"}),
    Trap("svom_cites_what_was_never_public", document(
         "ivo://org.svom/fsc#sb25120806_eclairs-wakeup",
         params(Packet_Type=202, Pkt_Ser_Num=1) + group("Svom_Identifiers",
         params(Burst_Id="sb25120806")), where(TIME, position(10.5, -20.25, 0.2)),
         cite("ivo://org.svom/fsc#never_seen", "followup")),
         READ_PLACE | {"event_id": "SVOM-sb25120806", "kind": "initial",
         "error_r90": 0.2}),
    Trap("chime_detection", document(f"{CHIME}/FRB-DETECTION-#1", EVENT_NO,
         where(TIME, position(10.5, -20.25, 0.1))), READ_PLACE | {"containment": 0.95,
         "event_id": "CHIME-FRB-181344768", "error_r90": 0.0876694, "messenger": "frb",
         "significance.value": 12.5}),
    Trap("chime_retraction_is_a_utility", document(f"{CHIME}/OBS-RETRACTION-#2",
         EVENT_NO, "", cite(f"{CHIME}/FRB-DETECTION-#1", "retraction"),
         role=' role="utility"'), {"kind": "retraction",
         "event_id": "CHIME-FRB-181344768"}),
    Trap("retraction_by_citation_alone", document("ivo://org.example/s#3", "", "",
         cite("ivo://org.example/s#1", "retraction")),
         {"kind": "retraction", "event_id": "ivo://org.example/s#1"}),
    Trap("empty_citation_links_nothing", document(IVORN, "", PLACE,
         cite("", "supersedes") + cite("  ", "retraction")), {"cites": [],
         "kind": "initial"}),
    Trap("comet_test_event", document("ivo://org.example/broker#TestEvent-1",
         role=' role="test"'), {"tense": "test", "live": False}),
    Trap("observatory_request_has_no_time", document(
         "ivo://voevent.phys.soton.ac.uk/AMI-REQUEST#1", "", where(None,
         position(10.5, -20.25, 0.05)), role=' role="utility"'),
         {"tense": "utility", "time": None, "live": False}),
    Trap("ivorn_without_local_part", document(f"{GCN}/gcn", role=' role="utility"'),
         {"stream": "network", "live": False}),
    Trap("unknown_publisher", document(IVORN, "", PLACE), READ_PLACE | {
         "stream": "unknown", "live": True, "event_id": IVORN, "error_r90": 0.5,
         "window_after": 7.0}),
    Trap("prediction", document(IVORN, "", PLACE, role=' role="prediction"'),
         {"tense": "prediction"}),
)  # fmt: skip
