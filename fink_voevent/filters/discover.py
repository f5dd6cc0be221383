# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Finding filters: ``PACKAGE.filter_NAME.filter``, function and topic ``NAME``."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from importlib.metadata import entry_points

from fink_voevent.errors import ConfigError

GROUP = "fink_voevent.filters"  # of entry points


@dataclass(frozen=True)
class Filter:
    """A filter: its name, the dotted path of its function, and what it selects."""

    name: str
    path: str
    description: str


def discover(packages: str) -> list[Filter]:
    """All filters of these packages (separated by commas), sorted by name.

    And of the packages that an installed distribution names in an entry point of the
    group `GROUP`: ``any_name = package``.

    Raises
    ------
    ConfigError
        Where a package or a filter's function is missing, or two have one name.
    """
    found: dict[str, Filter] = {}
    named = [p.strip() for p in packages.split(",") if p.strip()]
    offered = sorted(entry.value for entry in entry_points(group=GROUP))
    for package in dict.fromkeys((*named, *offered)):
        for one in _of_package(package):
            if one.name in found:
                raise ConfigError(
                    f"two filters are named {one.name}: {found[one.name].path} and"
                    f" {one.path}"
                )
            found[one.name] = one
    return [found[name] for name in sorted(found)]


def _of_package(package: str) -> list[Filter]:
    try:
        folder = importlib.import_module(package)
    except ImportError as error:
        raise ConfigError(f"VOEVENT_FILTERS: {package}: {error}") from None
    names = [
        module.name.removeprefix("filter_")
        for module in pkgutil.iter_modules(getattr(folder, "__path__", []))
        if module.ispkg and module.name.startswith("filter_")
    ]
    return [_filter(f"{package}.filter_{name}.filter", name) for name in names]


def _filter(module_name: str, name: str) -> Filter:
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ConfigError(f"filter {module_name}: {error}") from None
    if not callable(getattr(module, name, None)):
        raise ConfigError(f"filter {module_name}: has no function {name}")
    return Filter(name, f"{module_name}.{name}", getattr(module, "DESCRIPTION", ""))
