"""Problems of an entry of `dataset_info.json`, by itself and together with its first rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from penstock.errors import did_you_mean
from penstock.fields import kind_of, quoted_name
from penstock.files import plural
from penstock.formats.chat.dataset_info import LOCATIONS, TAGS, DatasetEntry

_FORMATTINGS = ("alpaca", "sharegpt", "openai")
#: The keys of `columns`.
_COLUMNS = (
    *("prompt", "query", "response", "history", "messages", "system", "tools"),
    *("images", "videos", "audios", "chosen", "rejected", "kto_tag"),
)
#: Every key of an entry, and the type of its value.
_KEYS: Mapping[str, type] = {
    **dict.fromkeys((*LOCATIONS, "formatting", "subset", "split", "folder"), str),
    "ranking": bool,
    "num_samples": int,
    "columns": dict,
    "tags": dict,
}
#: Tags without which no row can be read; the others are needed by some rows only.
_REQUIRED_TAGS = ("role_tag", "content_tag", "user_tag", "assistant_tag")
#: Common names of roles.
_COMMON_ROLES = {
    *("system", "developer", "user", "human", "assistant", "gpt", "model", "bot"),
    *("tool", "function", "function_call", "observation", "ipython"),
}
_GIVE_TAGS = f'give all of them, with the names in your rows: "tags": {orjson.dumps(TAGS).decode()}'
#: The most names that a message lists.
_MAX_LISTED = 12


class EntryProblem(NamedTuple):
    """Something at which LLaMA-Factory 0.9.5 stops, or that it reads differently than intended.

    `code` is the code of the finding. After a `fatal` problem the rows cannot be read as intended.
    """

    code: str
    message: str
    fix: str | None = None
    fatal: bool = True


def problems_of_entry(entry: DatasetEntry) -> list[EntryProblem]:
    """Return unknown, invalid and incomplete settings.

    LLaMA-Factory has no default for a member of `columns` or `tags` that is left out.
    """
    found = list(_malformed(entry))
    if any(problem.fatal for problem in found):
        return found
    formatting = entry.formatting
    if formatting not in _FORMATTINGS:
        hint = did_you_mean(formatting, _FORMATTINGS) or f"; known: {', '.join(_FORMATTINGS)}"
        message = f"has an unknown formatting, {quoted_name(formatting)}{hint}"
        return [*found, EntryProblem("entry-invalid", message)]
    if formatting == "openai":
        message = (
            'has formatting openai, which silently appends "detailed thinking off" to every '
            "system prompt"
        )
        fix = "set formatting to sharegpt, with all columns and tags"
        found.append(EntryProblem("formatting-openai", message, fix, fatal=False))
    if missing := [name for name in _required_columns(entry) if name not in entry.columns]:
        found.append(EntryProblem("entry-column-missing", _left_out("columns", missing)))
    missing = [name for name in _REQUIRED_TAGS if name not in entry.tags]
    if missing and formatting != "alpaca":
        found.append(EntryProblem("entry-tag-missing", _left_out("tags", missing), _GIVE_TAGS))
    return found


def problem_with_rows(
    entry: DatasetEntry, rows: Sequence[Mapping[str, Any]]
) -> EntryProblem | None:
    """Return the column or tag of a valid entry that none of its first rows has.

    What all rows lack is a mistake of the entry, not of the rows.
    """
    present = {key for row in rows for key in row}
    read = [entry.columns[name] for name in _required_columns(entry)]
    lacking = [column for column in read if column not in present]
    if rows and lacking:
        default = "" if "formatting" in entry.settings else " (the default)"
        message = (
            f"has formatting {entry.formatting}{default} and reads the column "
            f"{quoted_name(lacking[0])}, which no row has; they have {_listed(present)}"
        )
        return EntryProblem("entry-column-missing", message)
    if entry.formatting == "alpaca":
        return None
    turns = [turn for row in rows for column in read for turn in _turns(row.get(column))]
    return _problem_with_tags(entry, turns) if turns else None


def _problem_with_tags(
    entry: DatasetEntry, turns: Sequence[Mapping[str, Any]]
) -> EntryProblem | None:
    """Return the keys or roles named by the tags that no message has."""
    tags = entry.tags
    keys = {key for turn in turns for key in turn}
    roles = {str(turn.get(tags["role_tag"])) for turn in turns}
    for wanted, present, listed in (
        *((("role_tag",), keys, _listed), (("content_tag",), keys, _listed)),
        (("user_tag", "observation_tag"), roles, _listed_roles),
        (("assistant_tag", "function_tag"), roles, _listed_roles),
    ):
        if not any(tags.get(tag) in present for tag in wanted):
            default = "" if "tags" in entry.settings else " (the default)"
            message = (
                f"has the {wanted[0]} {quoted_name(tags[wanted[0]])}{default}, which is in no "
                f"message; they have {listed(present)}"
            )
            return EntryProblem("entry-tag-missing", message, _GIVE_TAGS)
    return None


def _required_columns(entry: DatasetEntry) -> list[str]:
    ranking = ["chosen", "rejected"] if entry.settings.get("ranking") else []
    if entry.formatting != "alpaca":
        return ["messages", *ranking]
    prompt = "prompt" if "prompt" in entry.columns else "query"
    return [prompt, *(ranking or ["response"])]


def _malformed(entry: DatasetEntry) -> Iterator[EntryProblem]:
    """Yield unknown keys, and values of the wrong type."""
    valid = True
    for key, value in entry.settings.items():
        if key not in _KEYS:
            yield _unknown("key", key, _KEYS)
        elif value is not None and type(value) is not _KEYS[key]:
            valid = False
            wanted = kind_of(_KEYS[key]())
            yield EntryProblem("entry-invalid", f"has {kind_of(value)} as {key}, must be {wanted}")
    for group, known in (("columns", _COLUMNS), ("tags", tuple(TAGS))):
        for key, value in (entry.settings.get(group) or {}).items() if valid else ():
            if key not in known:
                yield _unknown(f"member of {group}", key, known)
            elif not isinstance(value, str | None):
                message = f"has {kind_of(value)} as {group}.{key}, must be text"
                yield EntryProblem("entry-invalid", message)


def _unknown(what: str, key: str, known: Iterable[str]) -> EntryProblem:
    message = f"has an unknown {what}, {quoted_name(key)}{did_you_mean(key, known)}"
    return EntryProblem("entry-key-unknown", message, fatal=False)


def _turns(value: Any) -> list[Mapping[str, Any]]:
    """Return the messages in a value: a list of messages, or one."""
    listed = value if isinstance(value, list) else [value]
    return [turn for turn in listed if isinstance(turn, dict)]


def _left_out(group: str, missing: list[str]) -> str:
    return f"gives {group} without {', '.join(missing)}: what is left out has no default"


def _listed(names: Iterable[str]) -> str:
    """Return names in quotes; of many, which may be text of rows, only the number."""
    listed = sorted(map(quoted_name, names))
    return ", ".join(listed) if len(listed) <= _MAX_LISTED else f"{len(listed)} others"


def _listed_roles(found: set[str]) -> str:
    """Return common roles in quotes; of others, which may be text of rows, only the number."""
    common = [quoted_name(role) for role in sorted(found & _COMMON_ROLES)]
    others = plural(len(found) - len(common), "other")
    return ", ".join([*common, *([others] if len(found) > len(common) else [])])
