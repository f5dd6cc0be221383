# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Check that a store lets only one of two processes commit a batch.

A commit creates a file, whose name is the number of the commit, unless it exists. HDFS
and local disks refuse a name that exists. S3 does so by conditional writes, which some
gateways do not know: there the second of two commits would replace the first.
"""

from __future__ import annotations

import os
import uuid

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from fink_voevent.errors import StorageError
from fink_voevent.store.addresses import parse_location
from fink_voevent.store.delta import STAGING
from fink_voevent.store.filesystem import shortened
from fink_voevent.store.options import for_delta, store_options


def refuse_double_commits(root: str) -> None:
    """Create a file on S3 twice, as delta-rs creates a commit, and remove it.

    Parameters
    ----------
    root : str
        Folder of our tables: a path or a URI. Only S3 is tried.

    Raises
    ------
    StorageError
        If the second creation replaces the first, or the store cannot be used.
    """
    address = parse_location(root)
    if address.scheme != "s3":
        return
    options = for_delta("s3", store_options(os.environ))
    name = f"{address.path.strip('/')}/{STAGING}/trial-{uuid.uuid4().hex}"
    try:
        store = S3Store(address.host, config=options)  # type: ignore[arg-type]
        obstore.put(store, name, b"1", mode="create")
        try:
            obstore.put(store, name, b"2", mode="create")
            is_refused = False
        except AlreadyExistsError:
            is_refused = True
        obstore.delete(store, name)
    except (BaseError, ValueError, OSError) as error:
        raise StorageError(
            f"cannot write to {root}: {shortened(str(error))}; check the bucket, the"
            " endpoint and the keys in VOEVENT_STORE_OPTIONS"
        ) from None
    if not is_refused:
        raise StorageError(
            f"the store of {root} lets the same name be created twice, so that two"
            " processes could commit the same batch: use a store with conditional"
            " writes (If-None-Match: *), which newer versions of most S3 gateways have"
        )
