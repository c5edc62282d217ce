"""JSON Lines to Megatron's .bin and .idx: the recipe that `penstock tokenize` stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from penstock.errors import ConfigError
from penstock.recipes.plan import Plan, make_plan
from penstock.recipes.schema import recipe_of

#: Which settings of a recipe the options are, beside those of the step tokenize.
_OF_SOURCE = ("surrogates",)
_OF_RECIPE = ("on_error", "max_errors")


def load_tokenize(
    inputs: Sequence[str],
    tokenizer: Path | str,
    output_prefix: Path | str,
    *,
    key: str = "text",
    append_eod: bool = False,
    options: Mapping[str, Any] | None = None,
) -> Plan:
    """Return the plan that makes `{output_prefix}_{key}_document.bin` and `.idx`.

    `inputs` are paths, URLs or globs of JSON Lines; `key` is the field that holds the text.
    `options` are further settings: of the step tokenize (`eod`, `bos`, `empty`, `specials`,
    `engine`), of the source (`surrogates`), of the recipe (`on_error`, `max_errors`). Raises
    ConfigError for what is not there, ConflictError where other files of the prefix stand.
    """
    if not inputs:
        raise ConfigError("name at least one INPUT", field="input")
    prefix = Path(output_prefix)
    given = dict(options or {})
    source = {name: given.pop(name) for name in _OF_SOURCE if name in given}
    recipe = {name: given.pop(name) for name in _OF_RECIPE if name in given}
    step = {"tokenizer": str(tokenizer), "append_eod": append_eod, **given}
    return make_plan(
        recipe_of(
            {
                "name": prefix.name,
                "source": {
                    "kind": "jsonl",
                    "path": list(inputs),
                    "text": key,
                    "metadata": [],
                    **source,
                },
                "steps": [{"tokenize": step}],
                "format": {"kind": "megatron", "prefix": prefix.name, "key": key},
                "output": f"{prefix}_{key}_document",
                "as_prefix": True,
                **recipe,
            },
            "penstock tokenize",
        )
    )
