# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The errors that users meet: each message says what is wrong and what to do."""


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
