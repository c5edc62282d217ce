"""Recognise secrets by name or by form, and mask them in everything that is saved."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

MASK = "[redacted]"

#: The forms of known keys, by the environment variable that programs read them from.
_FORMS = {
    "HF_TOKEN": r"(?:hf|api_org)_[A-Za-z0-9]{20,}",
    "ANTHROPIC_API_KEY": r"sk-ant-[A-Za-z0-9_\-]{16,}",
    # Also of providers that copied OpenAI's form. `sk-` before hyphenated words is only a name.
    "OPENAI_API_KEY": r"sk-(?:(?:proj|svcacct|admin|or|lf)-[A-Za-z0-9_\-]{16,}|[A-Za-z0-9]{16,})",
    "GROQ_API_KEY": r"gsk_[A-Za-z0-9]{20,}",
    "NVIDIA_API_KEY": r"nvapi-[A-Za-z0-9_\-]{20,}",
    "GITHUB_TOKEN": r"gh[opsur]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}",
    "GITLAB_TOKEN": r"glpat-[A-Za-z0-9_\-]{16,}",
    "AWS_ACCESS_KEY_ID": r"A(?:KI|SI)A[A-Z0-9]{16}",
    "GOOGLE_API_KEY": r"AIza[A-Za-z0-9_\-]{30,}",
    "SLACK_TOKEN": r"xox[abeprs]-[A-Za-z0-9\-]{10,}",
    "ACCESS_TOKEN": r"eyJ[A-Za-z0-9_\-]{8,}\.eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*",  # a JWT
    "PRIVATE_KEY": r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*KEY-----|\Z)",
}
# Not in the middle of a word (`task-0a1b...`), but after an escaped line end (`\n`).
_SECRET_FORM = re.compile(
    r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))(?:"
    + "|".join(f"(?P<{variable}>{form})" for variable, form in _FORMS.items())
    + ")"
)
_URL_CREDENTIALS = re.compile(
    r"(?<![A-Za-z0-9+.\-])(?P<scheme>[A-Za-z0-9+.\-]+://)"
    r"(?:[^/\s\"'@:]*:[^/\s\"']+|[^/\s\"'@:]{20,})@"
)
# Signatures in URLs of S3, CloudFront, Google Cloud Storage and Azure.
_URL_SIGNATURE = re.compile(
    r"(?<=[?&;])(?P<name>X-(?:Amz|Goog)-(?:Signature|Credential|Security-Token)|Signature|sig)="
    r"(?!\[redacted\])[^\s\"'&;#<>]+",
    re.IGNORECASE,
)

# Normalised names (see `_words`). Every value under such a name is a secret.
_SECRET_NAME = re.compile(
    r"(?:(?:passwd|password|passphrase|secret)s?|[a-z0-9]_pwd"
    r"|(?:^|_)(?:(?:api|access|secret|private|auth|account|signing|encryption|ssh)_?keys?"
    r"|credentials?|authorization))(?:_?\d+)?$"
)
# The value under such a name is a secret if it has the form of one.
_TOKEN_NAME = re.compile(r"(?:^|_)token(?:_?\d+)?$")
_KEY_NAME = re.compile(r"(?:^|_)key(?:_?\d+)?$")
# Counts, special tokens of a vocabulary, keys of mappings.
_HARMLESS_NAME = re.compile(
    r"(?:^|_)(?:max|min|num|per|pad|eos|bos|unk|sep|cls|mask|json|sort|primary|foreign|cache)"
    r"_(?:key|token)$"
)
# `name=value`, `"name": "value"`, `--name value`. Written without backtracking, as it must run in
# linear time on long texts.
_ASSIGNMENT = re.compile(
    r"(?<![\w.\-])(?P<option>--)?(?P<name>[\w.\-]*?"
    r"(?:token|keys?|secrets?|passwords?|passwd|passphrase|pwd|credentials?|authorization)"
    r"(?:_?\d+)?)"
    r"(?:\\?[\"']?[ \t]*[=:][ \t]*(?:(?:bearer|basic|token)[ \t]+)?+|(?(option)[ \t]+|(?!)))"
    r"(?!\\?[\"']?\[redacted\])"
    r"(?:\\?(?P<quote>[\"'])(?P<quoted>.*?)(?:\\?(?P=quote)|$)"
    r"|(?P<bare>[^\s\"'&;]*[^\s\"'&;,)\]}]))",
    re.IGNORECASE | re.MULTILINE,
)
_NUMBER = re.compile(r"[-+]?[\d.,]+(?:e[-+]?\d+)?%?", re.IGNORECASE)
# Not hashes, which are keys of another kind: they are lower-case hexadecimal.
_RANDOM = re.compile(r"(?![0-9a-f]+$)(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9]{20,}")
_MIN_SECRET_LENGTH = 8


def _words(name: str) -> str:
    """Return a name in lower case with underscores: `apiKey` and `--api-key` become `api_key`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", name).lower()


def is_secret_name(name: str) -> bool:
    """Return True if a key with this name holds a secret (`HF_TOKEN`, `api_key`, `password`)."""
    words = _words(name)
    if _SECRET_NAME.search(words):
        return True
    return bool(_TOKEN_NAME.search(words)) and not _HARMLESS_NAME.search(words)


def looks_secret(text: str) -> bool:
    """Return True if a text contains a key of a known form, or a URL with a password."""
    return bool(_SECRET_FORM.search(text) or _URL_CREDENTIALS.search(text))


def holds_secret(name: str, value: Any) -> bool:
    """Return True if the value of a key is a secret, by the key's name or the value's form."""
    return _is_named_secret(name, value) or (isinstance(value, str) and looks_secret(value))


def secret_variable(name: str, value: Any) -> str:
    """Return the environment variable to use instead of the secret found under `name`."""
    text = str(value)
    if found := _SECRET_FORM.search(text):
        return str(found.lastgroup)
    variable = _words(name).strip("_").upper() or "SECRET"
    return f"{variable}_PASSWORD" if _URL_CREDENTIALS.search(text) else variable


def _is_named_secret(name: str, value: Any) -> bool:
    """Return True if the key's name makes its value a secret.

    Under a name that ends in `token`, special tokens (`</s>`, `[PAD]`), numbers and short words
    are not secrets. Under a name that ends in `key`, only long random words are.
    """
    if not isinstance(value, str | int | float) or isinstance(value, bool) or value in ("", MASK):
        return False
    words = _words(name)
    if _SECRET_NAME.search(words):
        return True
    if not isinstance(value, str) or _HARMLESS_NAME.search(words):
        return False
    if _TOKEN_NAME.search(words):
        long = len(value) >= _MIN_SECRET_LENGTH
        return long and value[0] not in "<[" and not _NUMBER.fullmatch(value)
    return bool(_KEY_NAME.search(words) and _RANDOM.fullmatch(value))


def environment_secrets(environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the values of the environment variables with secret names, the longest first.

    Each line of a value is a secret. Lines shorter than eight characters are left out, as they
    would mask harmless text.
    """
    environment = os.environ if environment is None else environment
    values = {
        line
        for name, value in environment.items()
        if is_secret_name(name)
        or (_KEY_NAME.search(_words(name)) and not _HARMLESS_NAME.search(_words(name)))
        for line in value.splitlines()
        if len(line) >= _MIN_SECRET_LENGTH
    }
    # The longest first: masking a shorter one would leave the rest of a longer one.
    return tuple(sorted(values, key=lambda value: (-len(value), value)))


def redact_text(text: str, secrets: tuple[str, ...] | None = None) -> str:
    """Return `text` with keys of known forms, `name=value` secrets and `secrets` masked.

    `secrets` are exact values, by default those of the environment.
    """
    for value in environment_secrets() if secrets is None else secrets:
        text = text.replace(value, MASK)
    text = _SECRET_FORM.sub(MASK, text)
    text = _URL_CREDENTIALS.sub(rf"\g<scheme>{MASK}@", text)
    text = _URL_SIGNATURE.sub(rf"\g<name>={MASK}", text)
    return _ASSIGNMENT.sub(_masked_assignment, text)


def _masked_assignment(match: re.Match[str]) -> str:
    group = "quoted" if match["quote"] else "bare"
    if not _is_named_secret(match["name"], match[group]):
        return match[0]
    start, end = match.span(group)
    return match.string[match.start() : start] + MASK + match.string[end : match.end()]


def redact(value: Any, secrets: tuple[str, ...] | None = None, name: str = "") -> Any:
    """Return a copy of a JSON-like value with every secret masked, by name and by form.

    `name` is the key of the value, or of the list that contains it.
    """
    secrets = environment_secrets() if secrets is None else secrets
    if _is_named_secret(name, value):
        return MASK
    if isinstance(value, str):
        return redact_text(value, secrets)
    if isinstance(value, Mapping):
        # Everything below a name such as `credentials` is secret.
        above = name if _SECRET_NAME.search(_words(name)) else None
        return {
            redact(key, secrets): redact(item, secrets, above or str(key))
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        # In `["--hub-token", "VALUE"]` the name of a value is the item before it.
        names = [name]
        for item in value:
            option = isinstance(item, str) and item.startswith("--") and "=" not in item
            names.append(item if option else name)
        return [redact(item, secrets, key) for item, key in zip(value, names, strict=False)]
    return value
