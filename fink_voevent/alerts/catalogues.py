# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What the types of SIMBAD, VSX, GCVS, Gaia and TNS say about an object.

A type becomes a set of the marks `STAR` to `SUSPECTED`, as the bits of an integer, so
that what several catalogues say is combined by ``bitwiseOR``. A type that does not say
what the object is becomes 0, as does a catalogue without an entry.
"""

from __future__ import annotations

import functools

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.alerts.surveys import FAILED, UNKNOWN_TYPES

STAR = 1
VARIABLE = 2  # a variable or binary star; always with STAR
NUCLEUS = 4  # an active galactic nucleus
GALAXY = 8  # a galaxy that is not known to be active
EXPLOSION = 16  # a supernova or another transient in a galaxy
RADIO = 32  # a radio source of unknown nature
SUSPECTED = 64  # a variable that need not be a star
EXTRAGALACTIC = NUCLEUS | GALAXY | EXPLOSION

# Object types of SIMBAD, as it wrote them until 2022 and since
# (http://simbad.cds.unistra.fr/guide/otypes.htx). Other types that end with an asterisk
# are stars too.
_SIMBAD = {
    STAR: (
        *("Star", "YSO", "WhiteDwarf", "BlueSG", "RedSG", "YellowSG", "Supergiant"),
        *("BlueStraggler", "BSS", "HotSubdwarf", "Hsd", "PlanetaryNeb", "PN", "Planet"),
        *("Pulsar", "OH/IR", "OH"),
    ),
    STAR | VARIABLE: (
        *(
            "**",
            "SB*",
            "EB*",
            "EclBin",
            "EB*Algol",
            "EB*betLyr",
            "EB*WUMa",
            "EB*Planet",
        ),
        *("El*", "EllipVar", "CV*", "CataclyV*", "DQHer", "AMHer", "Nova-like", "Nova"),
        *("No*", "DwarfNova", "Symbiotic*", "Symb*", "XB", "XB*", "XrayBin", "LMXB"),
        *("HMXB", "LowMassXBin", "HighMassXBin", "V*", "Variable*", "Irregular_V*"),
        *("IrregularV*", "Orion_V*", "OrionV*", "Rapid_Irreg_V*", "Eruptive*"),
        *(
            "Erupt*RCrB",
            "RCrBV*",
            "RCrB",
            "RotV*",
            "Ellip",
            "RotV*alf2CVn",
            "alf2CVnV*",
        ),
        *("BYDra", "BYDraV*", "RSCVn", "RSCVnV*", "Flare*", "FUOr", "PulsV*"),
        *("PulsV*WVir", "PulsV*RVTau", "PulsV*bCep", "PulsV*delSct", "PulsV*SX"),
        *("pulsV*SX", "RRLyr", "RRLyrae", "deltaCep", "Cepheid", "Ce*", "ClassicalCep"),
        *("Type2Cep", "WV*", "RVTauV*", "bCepV*", "delSctV*", "gammaDor", "gammaDorV*"),
        *(
            "SXPheV*",
            "SemiRegV*",
            "LP*",
            "LPV*",
            "LongPeriodV*",
            "Mi*",
            "Mira",
            "TTau*",
        ),
        *("TTauri*",),
    ),
    NUCLEUS: (
        *("AGN", "QSO", "BLLac", "Blazar", "OVV", "LINER", "RadioG", "Seyfert"),
        *("Seyfert1", "Seyfert2", "Seyfert_1", "Seyfert_2"),
    ),
    GALAXY: (
        *("Galaxy", "galaxy", "G", "PartofG", "GinCl", "GinGroup", "GinPair", "BClG"),
        *("GtowardsCl", "GtowardsGroup", "BrightestCG", "BlueCompG", "BlueCompactG"),
        *("EmG", "EmissionG", "HII_G", "HIIG", "High_z_G", "IG", "InteractingG"),
        *("LSB_G", "LowSurfBrghtG", "PairG", "StarburstG", "GroupG", "Compact_Gr_G"),
        *("ClG", "LensedG"),
    ),
    EXPLOSION: ("SN", "SN*", "Supernova"),
    RADIO: ("Radio", "Radio(cm)", "Radio(mm)", "Radio(sub-mm)", "cmRad", "mmRad"),
    # groups of stars, which end with an asterisk
    0: ("Cl*", "Cluster*", "As*", "Assoc*", "Ass*", "Stream*", "MouvGroup*"),
}
_CANDIDATE = r"^(Candidate_|Possible_)|(_Candidate|_\?|\?)$"

# Variability types of VSX and GCVS: a colon marks an uncertain type; "|", "+" and "/"
# join types (https://www.aavso.org/vsx/index.php?view=about.vartypes).
_BEGIN, _END = r"(^|[|+/])", r"([:|+/]|$)"
_VARIABILITY_NUCLEUS = f"{_BEGIN}(AGN|BLLAC|QSO|GAL|BLAZAR){_END}"
_VARIABILITY_EXPLOSION = f"{_BEGIN}SN"
# Types that only say that the brightness changes; the last is a constant star.
_VARIABILITY_UNKNOWN = r"^(VAR|MISC|S|I|APER|PER|NSIN|\*|CST):?$"

# Object types of TNS (https://www.wis-tns.org/stats-maps).
_TNS_EXPLOSION = r"^(SN|SLSN|TDE|Kilonova|Afterglow|Gap|ILRT|LRN|LBV|Impostor|FBOT|GRB)"
_TNS_NUCLEUS = r"^(AGN|QSO|Blazar)"
_TNS_VARIABLE = r"^(CV|Varstar|M dwarf)"


def cleaned(text: Column) -> Column:
    """Return a text of Fink, null if it is a filler.

    A filler is ``Unknown``, ``None``, ``nan``, an empty text, or ``Fail`` with the
    status of a catalogue that did not answer.
    """
    trimmed = F.trim(text)
    absent = trimmed.isin("", "nan", "None", "Unknown", "null")
    return F.when(~absent & ~trimmed.startswith(FAILED), trimmed)


def of_simbad(simbad: Column) -> Column:
    """Return the marks of an object type of SIMBAD; 0 if it says nothing.

    Parameters
    ----------
    simbad : Column
        Text; that of a candidate, such as ``EB*_Candidate`` or ``Candidate_EB*``,
        counts as that of a known object.
    """
    named = ~simbad.isin(*UNKNOWN_TYPES) & ~simbad.startswith(FAILED)
    base = F.regexp_replace(simbad, _CANDIDATE, "")
    listed = _simbad_marks()[base].cast("int")
    # SIMBAD's own convention
    otherwise = F.when(base.endswith("*"), F.lit(STAR))
    return _or_nothing(F.when(named, F.coalesce(listed, otherwise)))


@functools.cache
def _simbad_marks() -> Column:
    """Map of the types to their marks: one literal, which Spark analyses at once."""
    pairs = [f"{name}={marks}" for marks, names in _SIMBAD.items() for name in names]
    return F.expr(f"str_to_map('{','.join(pairs)}', ',', '=')")


def of_variability(kind: Column) -> Column:
    """Return the marks of a variability type of VSX or GCVS; 0 if there is none."""
    named = cleaned(kind)
    return _or_nothing(
        F.when(named.rlike(_VARIABILITY_UNKNOWN), F.lit(SUSPECTED))
        .when(named.rlike(_VARIABILITY_NUCLEUS), F.lit(NUCLEUS))
        .when(named.rlike(_VARIABILITY_EXPLOSION), F.lit(EXPLOSION))
        .when(named.isNotNull(), F.lit(STAR | VARIABLE))
    )


def of_gaia(kind: Column) -> Column:
    """Return the marks of a class of Gaia DR3 variables; 0 if there is none.

    The classes are those of Rimoldini et al. 2023, A&A 674, A14.
    """
    named = cleaned(kind)
    return _or_nothing(
        F.when(named == "AGN", F.lit(NUCLEUS))
        .when(named == "GALAXY", F.lit(GALAXY))
        .when(named == "SN", F.lit(EXPLOSION))
        .when(named.isNotNull(), F.lit(STAR | VARIABLE))
    )


def of_tns(kind: Column) -> Column:
    """Return the marks of an object type of TNS; 0 if there is none.

    A nova says nothing: TNS also has those of nearby galaxies.
    """
    return _or_nothing(
        F.when(kind.rlike(_TNS_EXPLOSION), F.lit(EXPLOSION))
        .when(kind.rlike(_TNS_NUCLEUS), F.lit(NUCLEUS))
        .when(kind == "Galaxy", F.lit(GALAXY))
        .when(kind.rlike(_TNS_VARIABLE), F.lit(STAR | VARIABLE))
    )


def of_spicy(kind: Column) -> Column:
    """Return the marks of a class of SPICY, young stars; 0 if there is none."""
    return F.when(cleaned(kind).isNotNull(), F.lit(STAR)).otherwise(F.lit(0))


def has(marks: Column, wanted: int) -> Column:
    """Whether marks include one of those that are wanted; never null."""
    return marks.bitwiseAND(F.lit(wanted)) != 0


def _or_nothing(marks: Column) -> Column:
    return F.coalesce(marks, F.lit(0))
