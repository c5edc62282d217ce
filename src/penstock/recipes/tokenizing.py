"""JSON Lines to Megatron's .bin and .idx: the recipe that `penstock tokenize` stands for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from penstock.errors import ConfigError
from penstock.recipes.plan import Plan, make_plan
from penstock.recipes.schema import recipe_of


def load_tokenize(
    inputs: Sequence[str],
    tokenizer: Path | str,
    output_prefix: Path | str,
    *,
    key: str = "text",
    append_eod: bool = False,
) -> Plan:
    """Return the plan that makes `{output_prefix}_{key}_document.bin` and `.idx`.

    `inputs` are paths, URLs or globs of JSON Lines; `key` is the field that holds the text. Raises
    ConfigError for what is not there, ConflictError where other files of the prefix stand.
    """
    if not inputs:
        raise ConfigError("name at least one INPUT", field="input")
    prefix = Path(output_prefix)
    return make_plan(
        recipe_of(
            {
                "name": prefix.name,
                "source": {"kind": "jsonl", "path": list(inputs), "text": key, "metadata": []},
                "steps": [{"tokenize": {"tokenizer": str(tokenizer), "append_eod": append_eod}}],
                "format": {"kind": "megatron", "prefix": prefix.name, "key": key},
                "output": f"{prefix}_{key}_document",
                "as_prefix": True,
            }
        )
    )
