# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Enable and disable the plugin in a checkout of fink-broker.

The changes of files are computed first, so that they can be shown before they are made.
A file that is already as required is not changed: enabling twice is the same as once.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from fink_voevent.config import render
from fink_voevent.errors import InputError

# By service: the text of its help, which is the docstring of its script.
SERVICES = {
    "voevent_ingest": "Read landed notices: they become events, or go to quarantine.",
    "voevent_match": "Match the alerts of the night with events: find coincidences.",
    "voevent_route": "Send the packets of coincidences to topics, by Fink filters.",
    "voevent_publish": "Send coincidences and alerts of interest as VOEvents (VTP).",
}
OURS = b"from fink_voevent.service import main"  # identifies our scripts
SCRIPT = '''# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""{text}"""

from fink_voevent.service import main

if __name__ == "__main__":
    main("{name}", __doc__, __file__)
'''
# The lines that are added to fink.conf: after the marker JOINED if its last line does
# not end with a newline, otherwise after BEGIN. The markers must not change, because
# they are in files of operators.
BEGIN = "# >>> fink_voevent: taken out by `fink_voevent disable` >>>"
JOINED = "# >>> fink_voevent, after a line without end: taken out by `disable` >>>"
END = "# <<< fink_voevent <<<"
HOOK = """{begin}
if [ -f "${{FINK_HOME}}/{conf}" ]; then . "${{FINK_HOME}}/{conf}"; fi
{end}
"""


@dataclass(frozen=True)
class Change:
    """Change of a file of the checkout.

    Parameters
    ----------
    path : Path
    before, after : bytes or None
        Content before and after the change; None if there is no file.
    """

    path: Path
    before: bytes | None
    after: bytes | None

    @property
    def verb(self) -> str:
        """What happens to the file: ``add``, ``change`` or ``remove``."""
        if self.before is None:
            return "add"
        return "remove" if self.after is None else "change"

    def make(self) -> None:
        """Make the change, completely or not at all."""
        if self.after is None:
            self.path.unlink()
            return
        temporary = self.path.with_name(f".{self.path.name}.fink_voevent")
        temporary.write_bytes(self.after)
        if self.before is not None:
            shutil.copymode(self.path, temporary)
        os.replace(temporary, self.path)  # noqa: PTH105 - Path.replace is the same


@dataclass(frozen=True)
class Checkout:
    """A checkout of fink-broker.

    Parameters
    ----------
    home : Path
        Its ``FINK_HOME``.
    survey : str
        Name of a folder in its ``bin`` and ``conf``.
    conf : Path
        Configuration file with which its services are started.
    """

    home: Path
    survey: str
    conf: Path

    @classmethod
    def find(cls, home: Path, survey: str, conf: Path | None) -> Checkout:
        """Return the checkout at a path.

        Parameters
        ----------
        home : Path
            Its ``FINK_HOME``.
        survey : str
            ``ztf`` or ``rubin``.
        conf : Path or None
            None is ``conf/<survey>/fink.conf.prod``.

        Raises
        ------
        InputError
            If a part of it is missing.
        """
        chosen = conf or home / "conf" / survey / "fink.conf.prod"
        for path, advice in (
            (home / "bin" / "fink", "set FINK_HOME to a checkout of fink-broker"),
            (home / "bin" / survey, f"this fink-broker has no survey {survey}"),
            (chosen, "give the fink.conf in use with -c"),
        ):
            if not path.exists():
                raise InputError(f"{path} is missing: {advice}")
        return cls(home, survey, chosen.resolve())

    @property
    def own_conf(self) -> Path:
        """File of our settings in the checkout."""
        return self.home / "conf" / self.survey / "voevent.conf"

    def enable(self) -> list[Change]:
        """Return the changes that enable the plugin.

        Raises
        ------
        InputError
            If there is a script with the name of one of ours that is not ours.
        """
        wanted = {self._script(name): script(name) for name in SERVICES}
        for path in wanted:
            content = read(path)
            if content is not None and OURS not in content:
                raise InputError(
                    f"{path} exists and is not ours: move it to another place first"
                )
        if not self.own_conf.exists():  # settings of an operator are kept
            wanted[self.own_conf] = render.shell(self.survey).encode()
        plain = self._without_hook()
        wanted[self.conf] = plain + self._hook(plain)
        return _changes(wanted)

    def disable(self) -> list[Change]:
        """Return the changes that restore every byte; edited settings are kept."""
        wanted: dict[Path, bytes | None] = {self.conf: self._without_hook()}
        for name in SERVICES:
            if OURS in (read(self._script(name)) or b""):
                wanted[self._script(name)] = None
        if read(self.own_conf) == render.shell(self.survey).encode():
            wanted[self.own_conf] = None
        return _changes(wanted)

    def is_enabled(self) -> bool:
        """Return whether the configuration has our lines and our scripts exist."""
        scripts = all(self._script(name).exists() for name in SERVICES)
        return scripts and END.encode() in self.conf.read_bytes()

    def _script(self, name: str) -> Path:
        return self.home / "bin" / self.survey / f"{name}.py"

    def _hook(self, plain: bytes) -> bytes:
        """Return the lines to add to a configuration without them."""
        own = self.own_conf.relative_to(self.home)
        if plain and not plain.endswith(b"\n"):
            return b"\n" + HOOK.format(begin=JOINED, conf=own, end=END).encode()
        return HOOK.format(begin=BEGIN, conf=own, end=END).encode()

    def _without_hook(self) -> bytes:
        """Return the configuration without our lines."""
        text = self.conf.read_bytes()
        end = END.encode() + b"\n"
        for begin in (b"\n" + JOINED.encode() + b"\n", BEGIN.encode() + b"\n"):
            head, found, rest = text.partition(begin)
            if found and end in rest:
                return head + rest.partition(end)[2]
        return text


def script(name: str) -> bytes:
    """Return the content of the script ``bin/<survey>/<name>.py`` of a service."""
    return SCRIPT.format(text=SERVICES[name], name=name).encode()


def read(path: Path) -> bytes | None:
    """Return the content of a file; None if there is no file."""
    return path.read_bytes() if path.exists() else None


def _changes(wanted: dict[Path, bytes] | dict[Path, bytes | None]) -> list[Change]:
    """Return the changes that give files the content that is wanted."""
    changes = [Change(path, read(path), after) for path, after in wanted.items()]
    return [change for change in changes if change.before != change.after]
