# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The VOEvents of datatest: facts of real events, as artificial VOEvents 2.0."""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

GCN = "ivo://nasa.gsfc.gcn"


@dataclass(frozen=True)
class Notice:
    """Facts of one notice.

    Parameters
    ----------
    file : str
        Name of its file.
    ivorn : str
        Its identifier.
    issued, time : str
        When it was issued, and the time of the event; ISO 8601.
    params : tuple of (name, value, unit)
        Its Params, in the order in which they are written.
    position : tuple of float or None
        Right ascension, declination and error radius, deg.
    role : str
        Its role.
    cites : tuple of (ivorn, kind)
        Its citations.
    system : str
        Its AstroCoordSystem.
    """

    file: str
    ivorn: str
    issued: str
    time: str
    params: tuple[tuple[str, str, str], ...]
    position: tuple[float, float, float] | None = None
    role: str = "observation"
    cites: tuple[tuple[str, str], ...] = ()
    system: str = "UTC-FK5-GEO"


def _gbm(
    kind: str, packet: int, sequence: int, issued: str, position: tuple | None
) -> Notice:
    """Return a notice of Fermi GBM trigger 394416326, GRB 130702A (Circular 14967)."""
    name = f"GBM_{kind}_2013-07-02T00:05:23.08_394416326_{sequence}-{packet}"
    coords = "1" if position else "0"
    alert = f"{GCN}/Fermi#GBM_Alert_2013-07-02T00:05:23.08_394416326_1-110"
    return Notice(
        f"grb130702a_{kind.lower()}.xml",
        f"{GCN}/Fermi#{name}",
        issued,
        "2013-07-02T00:05:23.08",
        (
            ("Packet_Type", str(packet), ""),
            ("TrigID", "394416326", ""),
            ("Sequence_Num", str(sequence), ""),
            ("Burst_TJD", "16475", "days"),
            ("Burst_SOD", "323.08", "sec"),
            ("Coords_Type", coords, "dn"),
        ),
        position or (0.0, 0.0, 0.0),
        cites=() if kind == "Alert" else ((alert, "followup"),),
    )


def _swift(file: str, kind: str, packet: int, time: str, position: tuple) -> Notice:
    """Return a notice of Swift trigger 1126853, GRB 221009A (GCN Circular 32632)."""
    return Notice(
        file,
        f"{GCN}/SWIFT#{kind}_1126853-{packet}",
        "2022-10-09T14:12:00",
        time,
        (
            ("Packet_Type", str(packet), ""),
            ("TrigID", "1126853", ""),
            ("Segment_Num", "0", ""),
            ("Coords_Type", "1", "dn"),
        ),
        position,
    )


NOTICES = (
    _gbm("Alert", 110, 1, "2013-07-02T00:05:33", None),
    _gbm("Flt_Pos", 111, 43, "2013-07-02T00:05:51", (214.32, 9.27, 8.8)),
    _gbm("Gnd_Pos", 112, 49, "2013-07-02T00:06:10", (217.5, 11.1, 5.7)),
    _gbm("Fin_Pos", 115, 0, "2013-07-02T01:05:00", (218.81, 12.25, 4.02)),
    # IceCube-170922A (GCN Circular 21916). The error of EHE notices contains 50 %.
    Notice(
        "icecube170922a.xml",
        f"{GCN}/AMON#ICECUBE_EHE_Event2017-09-22T20:54:30.43_130033_050579430-0",
        "2017-09-22T20:55:13",
        "2017-09-22T20:54:30.43",
        (
            ("Packet_Type", "169", ""),
            ("run_id", "130033", ""),
            ("event_id", "50579430", ""),
            ("Rev", "0", "dn"),
            ("energy", "119.98", "TeV"),
            ("Signalness", "0.5651", "dn"),
            ("src_error_50", "0.2498", "deg"),
        ),
        (77.2853, 5.7517, 0.2498),
    ),
    _swift(
        "grb221009a_bat.xml",
        "BAT_GRB_Pos",
        61,
        "2022-10-09T14:10:17.00",
        (288.2540, 19.8090, 0.05),
    ),
    # The time of XRT notices is that of their observation, not of the burst.
    _swift(
        "grb221009a_xrt.xml",
        "XRT_Pos",
        67,
        "2022-10-09T14:12:40.00",
        (288.2643, 19.7730, 0.0017),
    ),
    # A gravitational wave has no position outside of its sky map.
    Notice(
        "s230518h_preliminary.xml",
        "ivo://gwnet/LVC#S230518h-1-Preliminary",
        "2023-05-18T12:59:37Z",
        "2023-05-18T12:59:08Z",
        (
            ("Packet_Type", "150", ""),
            ("Pkt_Ser_Num", "1", ""),
            ("GraceID", "S230518h", ""),
            ("AlertType", "Preliminary", ""),
            ("FAR", "3.2e-10", "Hz"),
        ),
    ),
    # A test, at the position of a real afterglow: it must match nothing.
    Notice(
        "gbm_test.xml",
        f"{GCN}/Fermi#GBM_Test_Pos_2022-10-09T14:00:00.00_099999_1-692",
        "2022-10-09T14:00:30",
        "2022-10-09T14:00:00.00",
        (("Packet_Type", "119", ""), ("TrigID", "99999", ""), ("Coords_Type", "1", "")),
        (288.26, 19.77, 5.8),
        role="test",
    ),
)


def xml(notice: Notice) -> str:
    """Return the text of a notice, which is valid by the XSD of VOEvent 2.0."""
    params = "".join(
        f"<Param name={quoteattr(n)} value={quoteattr(v)} unit={quoteattr(u)}/>"
        for n, v, u in notice.params
    )
    cites = "".join(
        f"<EventIVORN cite={quoteattr(kind)}>{ivorn}</EventIVORN>"
        for ivorn, kind in notice.cites
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<voe:VOEvent xmlns:voe="http://www.ivoa.net/xml/VOEvent/v2.0"'
        f' version="2.0" role={quoteattr(notice.role)} ivorn={quoteattr(notice.ivorn)}>'
        f"<Who><AuthorIVORN>ivo://org.fink-broker/datatest</AuthorIVORN>"
        f"<Date>{notice.issued}</Date></Who><What>{params}</What>{_where_when(notice)}"
        f"{f'<Citations>{cites}</Citations>' if cites else ''}</voe:VOEvent>\n"
    )


def _where_when(notice: Notice) -> str:
    position = ""
    if notice.position is not None:
        ra, dec, error = notice.position
        position = (
            '<Position2D unit="deg"><Name1>RA</Name1><Name2>Dec</Name2><Value2>'
            f"<C1>{ra}</C1><C2>{dec}</C2></Value2><Error2Radius>{error}</Error2Radius>"
            "</Position2D>"
        )
    return (
        '<WhereWhen><ObsDataLocation><ObservatoryLocation id="GEOLUN"/>'
        f'<ObservationLocation><AstroCoordSystem id="{notice.system}"/>'
        f'<AstroCoords coord_system_id="{notice.system}"><Time unit="s"><TimeInstant>'
        f"<ISOTime>{notice.time}</ISOTime></TimeInstant></Time>{position}</AstroCoords>"
        "</ObservationLocation></ObsDataLocation></WhereWhen>"
    )
