# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Scripts that ``fink_voevent enable`` puts into ``$FINK_HOME/bin/<survey>/``."""
