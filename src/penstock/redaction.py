"""Secrets stay outside: recognised by their name or their look, and kept out of what is saved."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

MASK = "[redacted]"

_SECRET_NAME = re.compile(
    r"(^|[_.\-])(api[_\-]?key|access[_\-]?key|secret[_\-]?key|private[_\-]?key|key|token|secret"
    r"|passwd|password|credentials?)$",
    re.IGNORECASE,
)
# Names that end in such a word and hold no secret: counts, special tokens and file locations.
_HARMLESS_NAME = re.compile(
    r"(^|_)(max|min|num|pad|eos|bos|unk|json|sort|primary|cache)[_\-](key|token)$", re.I
)
_SECRET_LOOK = re.compile(
    r"\b(hf_[A-Za-z0-9]{20,}"  # Hugging Face
    r"|sk-[A-Za-z0-9_\-]{16,}"  # OpenAI and those who copied its form
    r"|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}"
    r"|glpat-[A-Za-z0-9_\-]{16,}"
    r"|AKIA[A-Z0-9]{16}"  # AWS
    r"|AIza[A-Za-z0-9_\-]{30,}"  # Google
    r"|xox[abprs]-[A-Za-z0-9\-]{10,})"
)
_URL_CREDENTIALS = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.\-]*://)[^/\s:@]*:[^/\s@]+@", re.IGNORECASE
)
_ASSIGNMENT = re.compile(
    r"(?P<name>[A-Za-z0-9_\-]*(?:api[_\-]?key|token|secret|password|passwd))"
    r"(?P<sign>\s*[=:]\s*[\"']?)(?P<value>[^\s\"'&,;]{8,})",
    re.IGNORECASE,
)
_MIN_SECRET_LENGTH = 8


def is_secret_name(name: str) -> bool:
    """Say whether a key of this name would hold a secret (`HF_TOKEN`, `api_key`, `password`)."""
    return bool(_SECRET_NAME.search(name)) and not _HARMLESS_NAME.search(name)


def looks_secret(text: str) -> bool:
    """Say whether a value has the look of a known kind of key, or a URL carries a password."""
    return bool(_SECRET_LOOK.search(text) or _URL_CREDENTIALS.search(text))


def environment_secrets(environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the values of the environment variables whose names say that they are secret."""
    environment = os.environ if environment is None else environment
    values = {
        value
        for name, value in environment.items()
        if is_secret_name(name) and len(value) >= _MIN_SECRET_LENGTH
    }
    # The longest first, so that no secret is left in part behind a shorter one.
    return tuple(sorted(values, key=len, reverse=True))


def redact_text(text: str, secrets: tuple[str, ...] | None = None) -> str:
    """Return `text` with secret values, key-like words and `name=value` secrets masked.

    `secrets` are exact values to mask, by default those of the environment.
    """
    for value in environment_secrets() if secrets is None else secrets:
        text = text.replace(value, MASK)
    text = _SECRET_LOOK.sub(MASK, text)
    text = _URL_CREDENTIALS.sub(rf"\g<scheme>{MASK}@", text)
    return _ASSIGNMENT.sub(rf"\g<name>\g<sign>{MASK}", text)


def redact(value: Any, secrets: tuple[str, ...] | None = None) -> Any:
    """Return a copy of a JSON-like value with every secret masked, by name and by look."""
    secrets = environment_secrets() if secrets is None else secrets
    if isinstance(value, str):
        return redact_text(value, secrets)
    if isinstance(value, Mapping):
        return {
            key: MASK
            if isinstance(key, str) and is_secret_name(key) and isinstance(item, str)
            else redact(item, secrets)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact(item, secrets) for item in value]
    return value
