# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The errors that users meet: each message says what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


class VOEventPluginError(Exception):
    """Base of all errors of this package; the command line prints its message."""


class ConfigError(VOEventPluginError):
    """A setting is unknown, of the wrong type or out of its range."""


class NoticeError(VOEventPluginError):
    """A document cannot be read as a notice; the message is the reason kept."""


class StorageError(VOEventPluginError):
    """A folder or a store cannot be read or written."""


class InputError(VOEventPluginError):
    """Data that a command needs is missing or is not what it should be."""


def each(step: Callable[..., T], *columns: Sequence[Any]) -> list[T | NoticeError]:
    """Results of a step for the items of `columns`; its error where it cannot do one.

    An item whose last column is the error of an earlier step keeps that error.
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
    return results
