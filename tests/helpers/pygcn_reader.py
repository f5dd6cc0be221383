# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Program that receives VOEvents with pygcn and prints values of each as JSON.

``python pygcn_reader.py PORT``
"""

from __future__ import annotations

import json
import logging
import sys

import gcn


def handle(payload: bytes, root) -> None:
    """Print the values that an observer needs."""
    coords = root.find(".//AstroCoords")
    values = {
        "ivorn": root.attrib["ivorn"],
        "role": root.attrib["role"],
        "bytes": len(payload),
        "ra": float(coords.findtext("Position2D/Value2/C1")),
        "dec": float(coords.findtext("Position2D/Value2/C2")),
        "time": coords.findtext("Time/TimeInstant/ISOTime"),
        "p_chance": float(root.find(".//Param[@name='p_chance']").attrib["value"]),
        "cites": [[c.text, c.attrib["cite"]] for c in root.iterfind(".//EventIVORN")],
    }
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    logging.basicConfig(level="INFO", stream=sys.stdout)
    gcn.listen(host="127.0.0.1", port=int(sys.argv[1]), handler=handle)
