"""What is wrong with an entry of `dataset_info.json`, by itself and beside its first rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from penstock.errors import did_you_mean
from penstock.fields import called, kind_of
from penstock.files import plural
from penstock.formats.chat.dataset_info import LOCATIONS, TAGS, DatasetEntry

_FORMATTINGS = ("alpaca", "sharegpt", "openai")
#: What an entry may say about its columns.
_COLUMNS = (
    *("prompt", "query", "response", "history", "messages", "system", "tools"),
    *("images", "videos", "audios", "chosen", "rejected", "kto_tag"),
)
#: Every key of an entry, with what its value must be.
_KEYS: Mapping[str, type] = {
    **dict.fromkeys((*LOCATIONS, "formatting", "subset", "split", "folder"), str),
    "ranking": bool,
    "num_samples": int,
    "columns": dict,
    "tags": dict,
}
#: Tags without which no row is read; the others are for those rows that need them.
_NEEDED_TAGS = ("role_tag", "content_tag", "user_tag", "assistant_tag")
#: What roles are called, as a rule.
_USUAL_ROLES = {
    *("system", "developer", "user", "human", "assistant", "gpt", "model", "bot"),
    *("tool", "function", "function_call", "observation", "ipython"),
}
#: How many names a message lists.
_NAMED = 12


class EntryProblem(NamedTuple):
    """What LLaMA-Factory (0.9.5) would stop at, or read otherwise than it was meant.

    `code` is that of the finding; `message` says what the entry does; with a `fatal` one its rows
    are not read as they are meant.
    """

    code: str
    message: str
    fix: str | None = None
    fatal: bool = True


def problems_of_entry(entry: DatasetEntry) -> list[EntryProblem]:
    """Return settings that are not known, none, or given in part.

    LLaMA-Factory takes what `columns` or `tags` leave out for absent, not for its default.
    """
    found = list(_ill_formed(entry))
    if any(problem.fatal for problem in found):
        return found
    formatting = entry.formatting
    if formatting not in _FORMATTINGS:
        hint = did_you_mean(formatting, _FORMATTINGS) or f"; known: {', '.join(_FORMATTINGS)}"
        message = f"has an unknown formatting, {called(formatting)}{hint}"
        return [*found, EntryProblem("entry-invalid", message)]
    if formatting == "openai":
        message = (
            'is of formatting openai, which appends "detailed thinking off" to every system '
            "prompt without a word"
        )
        fix = "set formatting to sharegpt, with all columns and tags"
        found.append(EntryProblem("formatting-openai", message, fix, fatal=False))
    if missing := [name for name in _needed_columns(entry) if name not in entry.columns]:
        found.append(EntryProblem("entry-column-missing", _left_out("columns", missing)))
    missing = [name for name in _NEEDED_TAGS if name not in entry.tags]
    if missing and formatting != "alpaca":
        found.append(EntryProblem("entry-tag-missing", _left_out("tags", missing), _give_tags()))
    return found


def problem_with_rows(
    entry: DatasetEntry, rows: Sequence[Mapping[str, Any]]
) -> EntryProblem | None:
    """Say which column or tag of an entry is in none of its first rows.

    The settings must be sound. What all rows lack is a mistake of the entry, not of the rows.
    """
    there = {key for row in rows for key in row}
    read = [entry.columns[name] for name in _needed_columns(entry)]
    lacking = [column for column in read if column not in there]
    if rows and lacking:
        said = "" if "formatting" in entry.settings else " (the default)"
        message = (
            f"is of formatting {entry.formatting}{said} and reads the column "
            f"{called(lacking[0])}, which no row has; they have {_listed(there)}"
        )
        return EntryProblem("entry-column-missing", message)
    if entry.formatting == "alpaca":
        return None
    turns = [turn for row in rows for column in read for turn in _turns(row.get(column))]
    return _problem_with_tags(entry, turns) if turns else None


def _problem_with_tags(
    entry: DatasetEntry, turns: Sequence[Mapping[str, Any]]
) -> EntryProblem | None:
    """Say which keys or roles that the tags name no message has."""
    tags = entry.tags
    keys = {key for turn in turns for key in turn}
    roles = {str(turn.get(tags["role_tag"])) for turn in turns}
    for wanted, there, listed in (
        *((("role_tag",), keys, _listed), (("content_tag",), keys, _listed)),
        (("user_tag", "observation_tag"), roles, _listed_roles),
        (("assistant_tag", "function_tag"), roles, _listed_roles),
    ):
        if not any(tags.get(tag) in there for tag in wanted):
            said = "" if "tags" in entry.settings else " (the default)"
            message = (
                f"has the {wanted[0]} {called(tags[wanted[0]])}{said}, which is in no message; "
                f"they have {listed(there)}"
            )
            return EntryProblem("entry-tag-missing", message, _give_tags())
    return None


def _needed_columns(entry: DatasetEntry) -> list[str]:
    ranking = ["chosen", "rejected"] if entry.settings.get("ranking") else []
    if entry.formatting != "alpaca":
        return ["messages", *ranking]
    prompt = "prompt" if "prompt" in entry.columns else "query"
    return [prompt, *(ranking or ["response"])]


def _ill_formed(entry: DatasetEntry) -> Iterator[EntryProblem]:
    """Yield keys that nobody reads, and values of another type."""
    sound = True
    for key, value in entry.settings.items():
        if key not in _KEYS:
            yield _unknown("key", key, _KEYS)
        elif value is not None and type(value) is not _KEYS[key]:
            sound = False
            wanted = kind_of(_KEYS[key]())
            yield EntryProblem("entry-invalid", f"has {kind_of(value)} as {key}, must be {wanted}")
    for group, known in (("columns", _COLUMNS), ("tags", tuple(TAGS))):
        for key, value in (entry.settings.get(group) or {}).items() if sound else ():
            if key not in known:
                yield _unknown(f"member of {group}", key, known)
            elif not isinstance(value, str | None):
                message = f"has {kind_of(value)} as {group}.{key}, must be text"
                yield EntryProblem("entry-invalid", message)


def _unknown(what: str, key: str, known: Iterable[str]) -> EntryProblem:
    message = f"has an unknown {what}, {called(key)}{did_you_mean(key, known)}"
    return EntryProblem("entry-key-unknown", message, fatal=False)


def _turns(value: Any) -> list[Mapping[str, Any]]:
    """Return the messages in a value, which may be a list of them or one."""
    listed = value if isinstance(value, list) else [value]
    return [turn for turn in listed if isinstance(turn, dict)]


def _left_out(group: str, missing: list[str]) -> str:
    return (
        f"gives {group} without {', '.join(missing)}: what is left out is absent, not the default"
    )


def _give_tags() -> str:
    return f'give all of them, with the names in your rows: "tags": {orjson.dumps(TAGS).decode()}'


def _listed(names: Iterable[str]) -> str:
    """Return names in quotes; of many, which may be no names at all, only the number."""
    listed = sorted(map(called, names))
    return ", ".join(listed) if len(listed) <= _NAMED else f"{len(listed)} others"


def _listed_roles(found: set[str]) -> str:
    """Return roles that are usual in quotes; of others, which may be text of rows, the number."""
    usual = [called(role) for role in sorted(found & _USUAL_ROLES)]
    others = plural(len(found) - len(usual), "other")
    return ", ".join([*usual, *([others] if len(found) > len(usual) else [])])
