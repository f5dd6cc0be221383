# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The errors of the package: each message says what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


class VOEventPluginError(Exception):
    """Base of all errors of this package; the command line prints its message."""


class ConfigError(VOEventPluginError):
    """A setting is unknown, of the wrong type or out of its range."""


class NoticeError(VOEventPluginError):
    """A document cannot be read as a notice; the message is kept as the reason."""


class UnknownFormatError(NoticeError):
    """A document is not XML or JSON, or not one of the kinds that are notices."""


class StorageError(VOEventPluginError):
    """A folder or a store cannot be read or written."""


class InputError(VOEventPluginError):
    """Data that a command needs is missing or is not what it should be."""


def apply_each(
    step: Callable[..., T], *columns: Sequence[Any]
) -> list[T | NoticeError]:
    """Apply a step to several items; an item that fails becomes its error.

    The items are made by others, so any exception of a step is the error of that item
    alone.

    Parameters
    ----------
    step : callable
        Takes one value of each column; raises NoticeError if it refuses the item.
    *columns : sequence
        Values by item. If the last one of an item is the error of an earlier step, the
        item keeps that error.

    Returns
    -------
    list
        Result or NoticeError of each item, in order.
    """
    results: list[T | NoticeError] = []
    for items in zip(*columns, strict=True):
        if isinstance(items[-1], NoticeError):
            results.append(items[-1])
            continue
        try:
            results.append(step(*items))
        except NoticeError as error:
            results.append(error)
        except MemoryError:
            results.append(NoticeError("reading it takes too much memory"))
        except Exception as error:  # noqa: BLE001 - it becomes the reason
            results.append(NoticeError(f"not understood, please report: {error!r}"))
    return results
