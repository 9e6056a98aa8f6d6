"""The one table of which change of a contract asks for which version. docs/contracts.md shows it; `changes.py` finds the changes.

A contract has two sides. Producers are hurt by what is refused now and was accepted before (Confluent's BACKWARD); consumers by what they
were promised and do not get any more (FORWARD). Hurting either is major. What consumers merely may meet now and could not before, of the
same kind as before, is minor and announced to them.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Literal, NamedTuple

Hurt = Literal["producers", "consumers", "both", "nobody"]


class Level(IntEnum):
    """What a change asks for. `NONE` is no change."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3


class Meaning(NamedTuple):
    """What a rule says: its level, whom a change hurts, what the change is, and why it counts so."""

    level: Level
    hurts: Hurt
    what: str
    why: str


_P, _N, _J = Level.PATCH, Level.MINOR, Level.MAJOR
RULES: dict[str, Meaning] = {
    "column_removed": Meaning(_J, "consumers", "a column is gone", "what reads it fails"),
    "column_renamed": Meaning(_J, "consumers", "a column has another name in the lake", "what reads the old name fails"),
    "column_added": Meaning(_N, "nobody", "an optional column is new", "nobody reads it yet, and files without values pass"),
    "required_column_added": Meaning(_J, "producers", "a required column is new", "files that held the contract before are refused"),
    "file_column_renamed": Meaning(_J, "producers", "a column has another name in the file", "files with the old header are refused"),
    "type_widened": Meaning(_N, "nobody", "every value of the old type is one of the new, of the same kind", "see the table of types"),
    "type_changed": Meaning(_J, "both", "the type is narrower or of another kind", "values or what can be done with them are lost"),
    "became_required": Meaning(_J, "producers", "a value is required now", "rows without it are refused"),
    "became_optional": Meaning(_J, "consumers", "a value is not required any more", "joins, casts and sums meet NULL"),
    "became_unique": Meaning(_J, "producers", "values must be unique now", "rows that repeat one are refused"),
    "no_longer_unique": Meaning(_J, "consumers", "values may repeat now", "a join on the column multiplies rows"),
    "key_changed": Meaning(_J, "both", "the key has other columns", "a row is something else now"),
    "bound_tightened": Meaning(_J, "producers", "a minimum or maximum is new or stricter", "values that passed are refused"),
    "bound_loosened": Meaning(_N, "nobody", "a minimum or maximum is laxer or gone", "values of the same kind in a wider range: announced"),
    "pattern_tightened": Meaning(_J, "producers", "a pattern is new or another", "that another pattern is wider cannot be shown"),
    "pattern_dropped": Meaning(_N, "nobody", "a pattern is gone", "text stays text: announced"),
    "values_narrowed": Meaning(_J, "producers", "allowed values are new, or some are gone", "values that passed are refused"),
    "values_widened": Meaning(_N, "nobody", "more values are allowed", "an unknown value of the same kind: announced"),
    "format_changed": Meaning(_J, "producers", "dates are written in another format", "files in the old format are refused"),
    "unit_changed": Meaning(_J, "both", "`unit` is another, or withdrawn", "the same figure means something else"),
    "time_zone_changed": Meaning(_J, "both", "`timeZone` is another, or withdrawn", "the same time means another moment"),
    "meaning_stated": Meaning(_P, "nobody", "`unit` or `timeZone` is said for the first time", "words about what was so before"),
    "classification_raised": Meaning(_N, "nobody", "a stricter classification", "protection is never made to wait"),
    "classification_lowered": Meaning(_J, "consumers", "a laxer classification", "people were promised protection"),
    "personal_data_declared": Meaning(_N, "nobody", "a column is personal data now", "as a raised classification"),
    "personal_data_withdrawn": Meaning(_J, "consumers", "a column is personal data no more", "as a lowered classification"),
    "column_deprecated": Meaning(_N, "nobody", "a column is announced to go, or not to go after all", "consumers have time to move"),
    "rule_added": Meaning(_J, "producers", "a blocking quality rule is new", "batches that passed are refused"),
    "warning_changed": Meaning(_N, "nobody", "a quality rule that only warns is new or stricter", "nothing is refused by it"),
    "rule_dropped": Meaning(_N, "nobody", "a quality rule is gone or only warns now", "as a loosened bound"),
    "rule_tightened": Meaning(_J, "producers", "a blocking quality rule is stricter, or became blocking", "as a tightened bound"),
    "rule_loosened": Meaning(_N, "nobody", "a quality rule is laxer", "as a loosened bound"),
    "row_handling_tightened": Meaning(_J, "producers", "bad rows refuse a whole file, or sooner", "files that were accepted are refused"),
    "row_handling_loosened": Meaning(_N, "nobody", "bad rows are set aside, or more of them", "a file may lack rows: announced"),
    "layout_changed": Meaning(_J, "producers", "path, server, format, delimiter or encoding is another", "files as before are not read"),
    "null_strings_changed": Meaning(_J, "both", "other texts mean NULL", "the same file gives other values"),
    "clock_changed": Meaning(_J, "consumers", "`clock` is another", "times are moved that were not, or the reverse"),
    "load_mode_changed": Meaning(_J, "consumers", "`loadMode` is another", "the table holds other rows of the same files"),
    "served_less_often": Meaning(_J, "consumers", "`cadence` or a service level is worse or not comparable", "what was counted on is late"),
    "served_more_often": Meaning(_N, "nobody", "`cadence` or a service level is better or new", "a promise more"),
    "status_changed": Meaning(_N, "nobody", "`status` is another", "deprecation of the whole table is announced; `retired` is major"),
    "retired": Meaning(_J, "consumers", "`status` became retired", "nothing is served any more"),
    "setting_changed": Meaning(_N, "nobody", "a custom property that no rule here knows is another", "somebody may act on it: announced"),
    "words_changed": Meaning(_P, "nobody", "anything else: descriptions, owners, tags, deprecation dates", "words only"),
}  # fmt: skip


def as_markdown() -> str:
    """The table as docs/contracts.md shows it."""
    lines = [f"| `{name}` | {rule.what} | {rule.level.name.lower()} | {rule.hurts} | {rule.why} |" for name, rule in RULES.items()]
    return "\n".join(["| change | what | version | hurts | why |", "|---|---|---|---|---|", *lines])
