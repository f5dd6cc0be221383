# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Find the filters of packages: function ``NAME`` of ``PACKAGE.filter_NAME.filter``."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from types import ModuleType

GROUP = "fink_voevent.filters"  # group of entry points
# An import that has not ended by then never will: pandas and astropy take some seconds.
IMPORT_S = 60.0


@dataclass(frozen=True)
class Filter:
    """A filter.

    Parameters
    ----------
    name : str
        Name of the function and of the topic.
    path : str
        Dotted path of the function.
    description : str
        The module's `DESCRIPTION`; if it has none, the first line of the docstring of
        the function; empty if that has none either.
    """

    name: str
    path: str
    description: str


@dataclass(frozen=True)
class FaultyFilter:
    """A filter, or a package of filters, that cannot be used.

    Parameters
    ----------
    name : str
        Name of the filter; empty if it is a package.
    path : str
        Dotted path of the module or of the package.
    reason : str
        What is wrong, in one line.
    """

    name: str
    path: str
    reason: str

    def __str__(self) -> str:
        """Return one line that says what is left out and why."""
        what = f"filter {self.name}" if self.name else "VOEVENT_FILTERS"
        return f"{what} is left out: {self.path}: {self.reason}"


@dataclass(frozen=True)
class Discovery:
    """Filters that were found.

    Parameters
    ----------
    filters : tuple of Filter
        Those that can be used, sorted by name.
    faulty : tuple of FaultyFilter
        Those that are left out, in the order in which they were found.
    """

    filters: tuple[Filter, ...]
    faulty: tuple[FaultyFilter, ...]


def discover(packages: str) -> Discovery:
    """Find all filters.

    Packages that installed distributions name in an entry point ``any_name = package``
    of the group `GROUP` are searched too. A filter or a package that cannot be used
    does not affect the others. Of two filters with the same name the first is used.

    Parameters
    ----------
    packages : str
        Names of packages, separated by commas.
    """
    found: dict[str, Filter] = {}
    faulty: list[FaultyFilter] = []
    named = [p.strip() for p in packages.split(",") if p.strip()]
    offered = sorted(entry.value for entry in entry_points(group=GROUP))
    for package in dict.fromkeys((*named, *offered)):
        for one in _package_filters(package):
            if isinstance(one, FaultyFilter):
                faulty.append(one)
            elif one.name in found:
                reason = f"{found[one.name].path} has the same name and is used"
                faulty.append(FaultyFilter(one.name, one.path, reason))
            else:
                found[one.name] = one
    return Discovery(tuple(found[name] for name in sorted(found)), tuple(faulty))


def _package_filters(package: str) -> Iterator[Filter | FaultyFilter]:
    folder = _imported(package, "")
    if isinstance(folder, FaultyFilter):
        yield folder
        return
    for module in pkgutil.iter_modules(getattr(folder, "__path__", [])):
        if module.ispkg and module.name.startswith("filter_"):
            name = module.name.removeprefix("filter_")
            yield _load_filter(f"{package}.{module.name}.filter", name)


def _load_filter(module_name: str, name: str) -> Filter | FaultyFilter:
    module = _imported(module_name, name)
    if isinstance(module, FaultyFilter):
        return module
    try:
        function = getattr(module, name, None)
        if not callable(function):
            return FaultyFilter(name, module_name, f"it has no function {name}")
        documented = (inspect.getdoc(function) or "").partition("\n")[0]
        description = str(getattr(module, "DESCRIPTION", "")) or documented
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a user's code
        return FaultyFilter(name, module_name, describe_error(error))
    return Filter(name, f"{module_name}.{name}", description)


def describe_error(error: BaseException) -> str:
    """Return the type and the message of an error of a user's code, in one line."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a user's error, whose type is enough
        text = "without a message"
    return " ".join(f"{type(error).__name__}: {text}".split())


def _imported(path: str, name: str) -> ModuleType | FaultyFilter:
    """Import a module in a thread, which is left behind if the import does not end."""
    found: queue.SimpleQueue[ModuleType | FaultyFilter] = queue.SimpleQueue()

    def run() -> None:
        try:
            found.put(importlib.import_module(path))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a user's code
            found.put(FaultyFilter(name, path, describe_error(error)))

    threading.Thread(target=run, name=f"import {path}", daemon=True).start()
    try:
        return found.get(timeout=IMPORT_S)
    except queue.Empty:
        reason = f"its import has not ended after {IMPORT_S:g} s"
        return FaultyFilter(name, path, reason)
