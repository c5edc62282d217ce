"""A model's chat template, size and batch size, from its name and files."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import NamedTuple

from penstock.errors import ConfigError

#: Every chat template of LLaMA-Factory 0.9.5.
TEMPLATES = frozenset(Path(__file__).with_name("templates.txt").read_text("utf-8").split())
#: LLaMA-Factory's template by the last part of a model's name; the first match counts. Source:
#: extras/constants.py of version 0.9.5, without models of images and audio.
_TEMPLATES_BY_MODEL = (
    (r"DeepSeek-R1", "deepseekr1"),
    (r"(Meta-)?Llama-?3(\.[1-3])?-\d+B(?!.*Vision)", "llama3"),
    (r"Llama-2-\d+b-chat", "llama2"),
    (r"Qwen3-(\d|Next-).*Instruct", "qwen3_nothink"),
    (r"Qwen3-(\d|Next-)", "qwen3"),
    (r"Qwen2(\.5)?-((Math|Coder)-)?\d", "qwen"),
    (r"gemma-2-\d|gemma-3-(270m|1b)-", "gemma2"),
    (r"gemma-\d+b-", "gemma"),
    (r"Mi[sx]tral-\d+(x\d+)?B-", "mistral"),
    (r"Ministral-8B|Mistral-Nemo", "ministral"),
    (r"Phi-3-(mini|medium)", "phi"),
    (r"phi-4$", "phi4"),
    (r"Phi-4-mini-instruct$", "phi4_mini"),
    (r"gpt-oss-\d+b$", "gpt_oss"),
    (r"SmolLM2-", "smollm2"),
    (r"SmolLM-", "smollm"),
)
#: `8B`, `1.5b`, `135M`, `8x7B`; not a part of a longer word.
_SIZE = re.compile(r"(?<![A-Za-z0-9.])(?:(\d+)x)?(\d+(?:\.\d+)?)([BM])(?![A-Za-z])", re.IGNORECASE)
_UNITS = {"B": 1e9, "M": 1e6}
#: Rows per step, and per forward pass for models up to so many weights.
ROWS_PER_STEP = 16
_ROWS_PER_PASS = ((4e9, 4), (16e9, 2))


class Batches(NamedTuple):
    """Rows per forward pass, passes per step, and the reason."""

    size: int
    accumulation: int
    reason: str


def require_loadable(model: str) -> None:
    """Raise ConfigError for a model that LLaMA-Factory does not load."""
    if model.endswith(".gguf"):
        raise ConfigError(
            "LLaMA-Factory does not train .gguf files; name a hub model, or a directory of "
            "safetensors",
            field="model",
        )


def template_of(model: str, field: str = "template") -> str:
    """Return the chat template of a model; raises ConfigError, for `field`, if it is unknown."""
    name = _last_part(model)
    for pattern, template in _TEMPLATES_BY_MODEL:
        if re.match(pattern, name, re.IGNORECASE):
            return template
    raise ConfigError(
        f"the chat template of '{name}' is unknown; give LLaMA-Factory's name for it, such as "
        "llama3, qwen or default",
        field=field,
    )


def parameters_of(model: str) -> int | None:
    """Return the number of weights of a model, from its files or its name; None if unknown.

    Raises ConfigError for a safetensors file that cannot be read.
    """
    directory = Path(model).expanduser()
    # The same weights may be there in another layout too, as consolidated.safetensors.
    files = list(directory.glob("model*.safetensors")) or list(directory.glob("*.safetensors"))
    if files:
        return sum(_weights_in(file) for file in files)
    if found := _SIZE.search(_last_part(model)):
        experts, size, unit = found.groups()
        return round(int(experts or 1) * float(size) * _UNITS[unit.upper()])
    return None


def batches_of(model: str, size: int | None, accumulation: int | None) -> Batches:
    """Return the batches of a model: as given, or chosen so that a step has 16 rows.

    If neither is given, `size` depends on the number of weights.
    """
    if size and accumulation:
        reason = "as given"
    elif size or accumulation:
        reason = f"{ROWS_PER_STEP} in total"
    else:
        size, reason = _by_size(parameters_of(model))
    size = size or ROWS_PER_STEP // (accumulation or 1)
    accumulation = accumulation or ROWS_PER_STEP // size
    return Batches(size, accumulation, f"{size} x {accumulation} rows per step, {reason}")


def _by_size(weights: int | None) -> tuple[int, str]:
    """Return the rows per forward pass, and the reason."""
    if weights is None:
        return 1, "for a model of unknown size"
    size = next((rows for most, rows in _ROWS_PER_PASS if weights <= most), 1)
    return size, f"for a model of {_short(weights)} weights"


def _short(weights: int) -> str:
    return f"{weights / 1e9:.3g} billion" if weights >= 1e9 else f"{weights / 1e6:.3g} million"


def _last_part(model: str) -> str:
    """Return a hub name without its owner, or the name of a directory."""
    path = Path(model).expanduser()
    return path.resolve().name if path.exists() else path.name


def _weights_in(file: Path) -> int:
    """Return the number of elements of all tensors of a safetensors file, by its header.

    The format: a length (u64, little-endian), then as many bytes of JSON with the `shape` of each
    tensor (https://huggingface.co/docs/safetensors).
    """
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(length))
        tensors = [tensor for name, tensor in header.items() if name != "__metadata__"]
        return sum(math.prod(tensor["shape"]) for tensor in tensors)
    except (OSError, ValueError, KeyError, TypeError, OverflowError, MemoryError) as error:
        raise ConfigError(f"not a safetensors file ({error})", file=file) from None
