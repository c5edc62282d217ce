"""A tokenizer on disk: tokenizer.json and the files beside it that name its special tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from penstock.errors import ConfigError, did_you_mean_path

_NAMES = ("bos_token", "eos_token", "pad_token", "cls_token", "sep_token", "unk_token")
#: The files beside tokenizer.json; later ones override earlier ones.
_SETTINGS_FILES = ("special_tokens_map.json", "tokenizer_config.json")
_HINT = "save the tokenizer again with save_pretrained"


@dataclass(frozen=True)
class TokenizerFiles:
    """`json` is tokenizer.json; `special` maps names to tokens, as transformers resolves them.

    tokenizer_config.json overrides special_tokens_map.json; both may be absent. `required` lists
    every token that these files mention.
    """

    json: Path
    special: dict[str, str]
    required: tuple[str, ...]

    @classmethod
    def at(cls, path: Path) -> TokenizerFiles:
        """Find the files in a directory, or beside a tokenizer.json.

        Raises ConfigError if there is no tokenizer.json or a file cannot be read.
        """
        json = path / "tokenizer.json" if path.is_dir() else path
        if not json.is_file():
            hint = did_you_mean_path(path) if json == path else ""
            raise ConfigError(
                f"there is no {json}{hint}; a tokenizer is a directory with tokenizer.json, "
                "which save_pretrained writes",
                field="tokenizer",
            )
        settings: dict[str, Any] = {}
        for name in _SETTINGS_FILES:
            settings |= _read(json.with_name(name))
        special = {
            name: token for name in _NAMES if (token := _content(settings.get(name))) is not None
        }
        return cls(json, special, (*special.values(), *_additional_tokens(settings)))

    @property
    def paths(self) -> list[Path]:
        """Every file that was read."""
        beside = [self.json.with_name(name) for name in _SETTINGS_FILES]
        return [self.json, *(path for path in beside if path.is_file())]

    def token(self, *names: str) -> str | None:
        """Return the first of some special tokens that the tokenizer has."""
        return next((self.special[name] for name in names if self.special.get(name)), None)


def _additional_tokens(settings: dict[str, Any]) -> Iterator[str]:
    """Yield the other tokens that transformers would add if tokenizer.json lacked them."""
    decoder, additional = (
        settings.get(name) for name in ("added_tokens_decoder", "additional_special_tokens")
    )
    listed = additional if isinstance(additional, list) else []
    for value in [*(decoder.values() if isinstance(decoder, dict) else []), *listed]:
        if (token := _content(value)) is not None:
            yield token


def _content(value: Any) -> str | None:
    """Return a token that is stored as a string, or as an object with its `content`."""
    found = value.get("content") if isinstance(value, dict) else value
    return found if isinstance(found, str) else None


def _read(path: Path) -> dict[str, Any]:
    try:
        found = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=path) from None
    except orjson.JSONDecodeError as error:
        raise ConfigError(
            f"not JSON ({error.msg}); {_HINT}", file=path, line=error.lineno
        ) from None
    if not isinstance(found, dict):
        raise ConfigError(f"must be an object; {_HINT}", file=path)
    return found
