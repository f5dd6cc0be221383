# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The plugin in a checkout of fink-broker: what enabling and disabling it changes.

Changes are worked out first, then shown, then made; what is as it should be is no
change, so that enabling twice changes nothing twice.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from fink_voevent.config import render
from fink_voevent.errors import InputError

# What each service does: the text of its help, and the docstring of its script.
SERVICES = {
    "voevent_ingest": "Notices that landed become events, or go to quarantine.",
    "voevent_match": "Alerts of the night and events become coincidences.",
    "voevent_route": "Coincidences go through Fink filters to topics.",
    "voevent_publish": "Coincidences and alerts of interest go out as VOEvents (VTP).",
}
OURS = b"from fink_voevent.service import main"  # in each of our scripts
SCRIPT = '''# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""{text}"""

from fink_voevent.service import main

if __name__ == "__main__":
    main("{name}", __doc__, __file__)
'''
BEGIN = "# >>> fink_voevent: taken out by `fink_voevent disable` >>>"
JOINED = "# >>> fink_voevent, after a line without end: taken out by `disable` >>>"
END = "# <<< fink_voevent <<<"
HOOK = """{begin}
if [ -f "${{FINK_HOME}}/{conf}" ]; then . "${{FINK_HOME}}/{conf}"; fi
{end}
"""


@dataclass(frozen=True)
class Change:
    """A file of the checkout before and after; None where it is not there."""

    path: Path
    before: bytes | None
    after: bytes | None

    @property
    def verb(self) -> str:
        """What happens to the file."""
        if self.before is None:
            return "add"
        return "remove" if self.after is None else "change"

    def make(self) -> None:
        """Make the change: whole, or not at all."""
        if self.after is None:
            self.path.unlink()
            return
        fresh = self.path.with_name(f".{self.path.name}.fink_voevent")
        fresh.write_bytes(self.after)
        if self.before is not None:
            shutil.copymode(self.path, fresh)
        os.replace(fresh, self.path)  # noqa: PTH105 - Path.replace is the same


@dataclass(frozen=True)
class Checkout:
    """A checkout of fink-broker.

    Parameters
    ----------
    home : Path
        Its ``FINK_HOME``.
    survey : str
        A folder of its ``bin`` and ``conf``.
    conf : Path
        The configuration that its services are started with.
    """

    home: Path
    survey: str
    conf: Path

    @classmethod
    def at(cls, home: Path, survey: str, conf: Path | None) -> Checkout:
        """Find a checkout.

        Raises
        ------
        InputError
            Where a part of it is not there.
        """
        chosen = conf or home / "conf" / survey / "fink.conf.prod"
        for path, what in (
            (home / "bin" / "fink", "no checkout of fink-broker: set FINK_HOME to one"),
            (home / "bin" / survey, f"fink-broker knows no survey {survey}"),
            (chosen, "no such configuration: name one with -c"),
        ):
            if not path.exists():
                raise InputError(f"{path} is missing: {what}")
        return cls(home, survey, chosen.resolve())

    @property
    def own_conf(self) -> Path:
        """Our settings, in the checkout."""
        return self.home / "conf" / self.survey / "voevent.conf"

    def enable(self) -> list[Change]:
        """Work out what enables the plugin.

        Raises
        ------
        InputError
            Where a script of the name of ours is not ours.
        """
        wanted = {self._script(name): script(name) for name in SERVICES}
        for path in wanted:
            held = read(path)
            if held is not None and OURS not in held:
                raise InputError(f"{path} is there and not ours: move it away first")
        if not self.own_conf.exists():  # what an operator set there is kept
            wanted[self.own_conf] = render.shell(self.survey).encode()
        plain = self._without_hook()
        wanted[self.conf] = plain + self._hook(plain)
        return _changes(wanted)

    def disable(self) -> list[Change]:
        """Work out what restores every byte; settings that were edited are kept."""
        wanted: dict[Path, bytes | None] = {self.conf: self._without_hook()}
        for name in SERVICES:
            if OURS in (read(self._script(name)) or b""):
                wanted[self._script(name)] = None
        if read(self.own_conf) == render.shell(self.survey).encode():
            wanted[self.own_conf] = None
        return _changes(wanted)

    def is_enabled(self) -> bool:
        """Whether the configuration has our hook, and the scripts are there."""
        scripts = all(self._script(name).exists() for name in SERVICES)
        return scripts and END.encode() in self.conf.read_bytes()

    def _script(self, name: str) -> Path:
        return self.home / "bin" / self.survey / f"{name}.py"

    def _hook(self, plain: bytes) -> bytes:
        own = self.own_conf.relative_to(self.home)
        if plain and not plain.endswith(b"\n"):
            return b"\n" + HOOK.format(begin=JOINED, conf=own, end=END).encode()
        return HOOK.format(begin=BEGIN, conf=own, end=END).encode()

    def _without_hook(self) -> bytes:
        text = self.conf.read_bytes()
        end = END.encode() + b"\n"
        for begin in (b"\n" + JOINED.encode() + b"\n", BEGIN.encode() + b"\n"):
            head, found, rest = text.partition(begin)
            if found and end in rest:
                return head + rest.partition(end)[2]
        return text


def script(name: str) -> bytes:
    """Text of the script ``bin/<survey>/<name>.py`` of a service."""
    return SCRIPT.format(text=SERVICES[name], name=name).encode()


def read(path: Path) -> bytes | None:
    """Bytes of a file, None where there is none."""
    return path.read_bytes() if path.exists() else None


def _changes(wanted: dict[Path, bytes] | dict[Path, bytes | None]) -> list[Change]:
    found = [Change(path, read(path), after) for path, after in wanted.items()]
    return [change for change in found if change.before != change.after]
