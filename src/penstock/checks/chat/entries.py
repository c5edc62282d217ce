"""`dataset_info.json`: entries that LLaMA-Factory (0.9.5) would stop at, or read otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from penstock.checks import _codes as codes
from penstock.checks._collect import Code, Collector
from penstock.errors import did_you_mean, did_you_mean_beside
from penstock.fields import called, kind_of
from penstock.files import plural
from penstock.formats.chat import DATASET_INFO, LOCATIONS, TAGS, DatasetEntry

FORMATTINGS = ("alpaca", "sharegpt", "openai")
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
#: How the names of files end that are loaded, and the kind of each; files of an entry have one.
_SUFFIXES = {
    ".jsonl": "json",
    ".json": "json",
    ".arrow": "arrow",
    ".csv": "csv",
    ".parquet": "parquet",
    ".txt": "text",
}
_READ = "json"
#: What roles are called, as a rule.
_USUAL_ROLES = {
    *("system", "developer", "user", "human", "assistant", "gpt", "model", "bot"),
    *("tool", "function", "function_call", "observation", "ipython"),
}
#: How many names a message lists.
_NAMED = 12


class EntryCheck:
    """Adds what is wrong with one entry, at its line of `dataset_info.json`."""

    def __init__(self, directory: Path, entry: DatasetEntry, collector: Collector) -> None:
        self.entry = entry
        self.file = directory / DATASET_INFO
        self._directory = directory
        self._collector = collector
        self._line = _line_of(self.file, entry.name)

    def add(self, code: Code, message: str, *, fix: str | None = None) -> None:
        """Note something about the entry."""
        words = f"'{self.entry.name}' {message}"
        self._collector.add(code, words, file=self.file, line=self._line, fix=fix, group=words)

    def settings(self) -> bool:
        """Find settings that are not known, none, or given in part; say whether rows can be read.

        LLaMA-Factory takes what `columns` or `tags` leave out for absent, not for its default.
        """
        if not self._well_formed():
            return False
        formatting, columns = self.entry.formatting, self.entry.columns
        if formatting not in FORMATTINGS:
            hint = did_you_mean(formatting, FORMATTINGS) or f"; known: {', '.join(FORMATTINGS)}"
            self.add(codes.ENTRY_INVALID, f"has an unknown formatting, {called(formatting)}{hint}")
            return False
        if formatting == "openai":
            self.add(
                codes.FORMATTING_OPENAI,
                'is of formatting openai, which appends "detailed thinking off" to every system '
                "prompt without a word",
            )
        sound = True
        if missing := [name for name in self._needed_columns() if name not in columns]:
            self.add(codes.ENTRY_COLUMN_MISSING, _left_out("columns", missing))
            sound = False
        if formatting == "alpaca":
            return sound
        if missing := [name for name in _NEEDED_TAGS if name not in self.entry.tags]:
            self.add(codes.ENTRY_TAG_MISSING, _left_out("tags", missing), fix=_give_tags())
            sound = False
        return sound

    def files(self) -> list[Path]:
        """Return the files of rows to read; find those that are not there or not of a kind."""
        if elsewhere := [key for key in LOCATIONS[1:] if key in self.entry.settings]:
            self.add(codes.ENTRY_UNREAD, f"lies elsewhere ({elsewhere[0]})")
            return []
        if (name := self.entry.file_name) is None:
            self.add(codes.ENTRY_FILE_MISSING, f"has no file_name, nor {', '.join(LOCATIONS[1:])}")
            return []
        path = self._directory / name
        if not path.exists():
            hint = did_you_mean_beside(path)
            self.add(codes.ENTRY_FILE_MISSING, f"names {name}, which is not there{hint}")
            return []
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        suffixes = {_SUFFIXES.get(file.suffix) for file in files}
        if len(suffixes) != 1 or None in suffixes:
            known = ", ".join(_SUFFIXES)
            self.add(codes.ENTRY_FILE_MISSING, f"names {name}, and files of one of {known} load")
            return []
        if suffixes != {_READ}:
            self.add(codes.ENTRY_UNREAD, f"is a {files[0].suffix} file, which is not looked into")
            return []
        return files

    def fits(self, rows: Iterable[Mapping[str, Any]]) -> bool:
        """Say whether some rows have the columns and tags that the entry names; find what not.

        `rows` are the first of its files. What all of them lack is a mistake of the entry.
        """
        rows = list(rows)
        there = {key for row in rows for key in row}
        columns = self.entry.columns
        lacking = [columns[name] for name in self._needed_columns() if columns[name] not in there]
        if rows and lacking:
            said = "" if "formatting" in self.entry.settings else " (the default)"
            message = (
                f"is of formatting {self.entry.formatting}{said} and reads the column "
                f"{called(lacking[0])}, which no row has; they have {_listed(there)}"
            )
            self.add(codes.ENTRY_COLUMN_MISSING, message)
            return False
        if self.entry.formatting == "alpaca":
            return True
        read = [columns[name] for name in self._needed_columns()]
        turns = [turn for row in rows for column in read for turn in _turns(row.get(column))]
        return not turns or self._tags_fit(turns)

    def _tags_fit(self, turns: Sequence[Mapping[str, Any]]) -> bool:
        """Say whether messages have the keys and roles that the tags name; find what not."""
        tags = self.entry.tags
        keys = {key for turn in turns for key in turn}
        roles = {str(turn.get(tags["role_tag"])) for turn in turns}
        for wanted, there, listed in (
            *((("role_tag",), keys, _listed), (("content_tag",), keys, _listed)),
            (("user_tag", "observation_tag"), roles, _listed_roles),
            (("assistant_tag", "function_tag"), roles, _listed_roles),
        ):
            if not any(tags.get(tag) in there for tag in wanted):
                said = "" if "tags" in self.entry.settings else " (the default)"
                message = (
                    f"has the {wanted[0]} {called(tags[wanted[0]])}{said}, which is in no message; "
                    f"they have {listed(there)}"
                )
                self.add(codes.ENTRY_TAG_MISSING, message, fix=_give_tags())
                return False
        return True

    def _needed_columns(self) -> list[str]:
        ranking = ["chosen", "rejected"] if self.entry.settings.get("ranking") else []
        if self.entry.formatting != "alpaca":
            return ["messages", *ranking]
        prompt = "prompt" if "prompt" in self.entry.columns else "query"
        return [prompt, *(ranking or ["response"])]

    def _well_formed(self) -> bool:
        """Find keys that nobody reads, and values of another type."""
        sound = True
        settings = self.entry.settings
        for key, value in settings.items():
            if key not in _KEYS:
                self._unknown("key", key, _KEYS)
            elif value is not None and type(value) is not _KEYS[key]:
                wanted = kind_of(_KEYS[key]())
                self.add(codes.ENTRY_INVALID, f"has {kind_of(value)} as {key}, must be {wanted}")
                sound = False
        for group, known in (("columns", _COLUMNS), ("tags", tuple(TAGS))):
            for key, value in (settings.get(group) or {}).items() if sound else ():
                if key not in known:
                    self._unknown(f"member of {group}", key, known)
                elif not isinstance(value, str | None):
                    message = f"has {kind_of(value)} as {group}.{key}, must be text"
                    self.add(codes.ENTRY_INVALID, message)
                    sound = False
        return sound

    def _unknown(self, what: str, key: str, known: Iterable[str]) -> None:
        hint = did_you_mean(key, known)
        self.add(codes.ENTRY_KEY_UNKNOWN, f"has an unknown {what}, {called(key)}{hint}")


def _line_of(file: Path, name: str) -> int | None:
    """Return the line at which the entry of a name begins."""
    text = file.read_text(encoding="utf-8", errors="replace")
    found = re.search(re.escape(orjson.dumps(name).decode()) + r"\s*:", text)
    return text.count("\n", 0, found.start()) + 1 if found else None


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
