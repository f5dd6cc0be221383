# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Find the filters of packages: function ``NAME`` of ``PACKAGE.filter_NAME.filter``."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from importlib.metadata import entry_points

from fink_voevent.errors import ConfigError

GROUP = "fink_voevent.filters"  # group of entry points


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
        The module's `DESCRIPTION`; empty if it has none.
    """

    name: str
    path: str
    description: str


def discover(packages: str) -> list[Filter]:
    """Find all filters, sorted by name.

    Packages that installed distributions name in an entry point ``any_name = package``
    of the group `GROUP` are searched too.

    Parameters
    ----------
    packages : str
        Names of packages, separated by commas.

    Raises
    ------
    ConfigError
        If a package or the function of a filter is missing, or two filters have the
        same name.
    """
    found: dict[str, Filter] = {}
    named = [p.strip() for p in packages.split(",") if p.strip()]
    offered = sorted(entry.value for entry in entry_points(group=GROUP))
    for package in dict.fromkeys((*named, *offered)):
        for one in _package_filters(package):
            if one.name in found:
                raise ConfigError(
                    f"two filters are named {one.name}: {found[one.name].path} and"
                    f" {one.path}"
                )
            found[one.name] = one
    return [found[name] for name in sorted(found)]


def _package_filters(package: str) -> list[Filter]:
    try:
        folder = importlib.import_module(package)
    except ImportError as error:
        raise ConfigError(f"VOEVENT_FILTERS: {package}: {error}") from None
    names = [
        module.name.removeprefix("filter_")
        for module in pkgutil.iter_modules(getattr(folder, "__path__", []))
        if module.ispkg and module.name.startswith("filter_")
    ]
    return [_load_filter(f"{package}.filter_{name}.filter", name) for name in names]


def _load_filter(module_name: str, name: str) -> Filter:
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ConfigError(f"filter {module_name}: {error}") from None
    if not callable(getattr(module, name, None)):
        raise ConfigError(f"filter {module_name}: it has no function {name}")
    return Filter(name, f"{module_name}.{name}", getattr(module, "DESCRIPTION", ""))
