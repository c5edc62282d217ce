"""What a model's name and files tell: its chat template, its size, its batches."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import NamedTuple

from penstock.errors import ConfigError

#: LLaMA-Factory's template by the last part of a model's name, the first that fits; as version
#: 0.9.5 has them in extras/constants.py. Models of images and sound are left out.
_TEMPLATES = (
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
#: Rows a step, and how many a forward pass for models up to so many weights.
ROWS_A_STEP = 16
_ROWS_A_PASS = ((4e9, 4), (16e9, 2))


class Batches(NamedTuple):
    """Rows a forward pass, passes a step, and why."""

    size: int
    accumulation: int
    reason: str


def require_loadable(model: str) -> None:
    """Raise ConfigError for a model that LLaMA-Factory does not load."""
    if model.endswith(".gguf"):
        raise ConfigError(
            "LLaMA-Factory trains no .gguf file; name a hub model, or a directory of safetensors",
            field="model",
        )


def template_of(model: str, field: str = "template") -> str:
    """Return the template for a model's name.

    Raises ConfigError, which names the key `field`, where the name tells none.
    """
    name = _last_part(model)
    for pattern, template in _TEMPLATES:
        if re.match(pattern, name, re.IGNORECASE):
            return template
    raise ConfigError(
        f"the name '{name}' does not tell which chat template the model was trained with; give it "
        "as LLaMA-Factory calls it, such as llama3, qwen or default",
        field=field,
    )


def parameters_of(model: str) -> int | None:
    """Return how many weights a model has: by its files, else by its name, else None.

    Raises ConfigError for a file of weights that cannot be read.
    """
    directory = Path(model).expanduser()
    # Beside them the same weights may lie in another layout, as consolidated.safetensors.
    files = list(directory.glob("model*.safetensors")) or list(directory.glob("*.safetensors"))
    if files:
        return sum(_weights_in(file) for file in files)
    if found := _SIZE.search(_last_part(model)):
        experts, size, unit = found.groups()
        return round(int(experts or 1) * float(size) * _UNITS[unit.upper()])
    return None


def batches_of(model: str, size: int | None, accumulation: int | None) -> Batches:
    """Return the batches of a model.

    Both as given; or one given, a divisor of 16, and the other such that a step has 16 rows; or
    both by the model's size.
    """
    if size and accumulation:
        why = "as given"
    elif size or accumulation:
        why = f"{ROWS_A_STEP} in all"
    else:
        size, why = _by_size(parameters_of(model))
    size = size or ROWS_A_STEP // (accumulation or 1)
    accumulation = accumulation or ROWS_A_STEP // size
    return Batches(size, accumulation, f"{size} x {accumulation} rows a step, {why}")


def _by_size(weights: int | None) -> tuple[int, str]:
    """Return rows a forward pass, and why."""
    if weights is None:
        return 1, "for a model of unknown size"
    size = next((rows for most, rows in _ROWS_A_PASS if weights <= most), 1)
    return size, f"for a model of {_short(weights)} weights"


def _short(weights: int) -> str:
    return f"{weights / 1e9:.3g} billion" if weights >= 1e9 else f"{weights / 1e6:.3g} million"


def _last_part(model: str) -> str:
    """Return a hub name without its owner, a directory's own name."""
    path = Path(model).expanduser()
    return path.resolve().name if path.exists() else path.name


def _weights_in(file: Path) -> int:
    """Return the number of elements of all tensors of a safetensors file, by its header.

    The format: u64 little-endian length, then as many bytes of JSON with a `shape` a tensor
    (https://huggingface.co/docs/safetensors).
    """
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(length))
        tensors = [tensor for name, tensor in header.items() if name != "__metadata__"]
        return sum(math.prod(tensor["shape"]) for tensor in tensors)
    except (OSError, ValueError, KeyError, TypeError, OverflowError, MemoryError) as error:
        raise ConfigError(f"not a safetensors file ({error})", file=file) from None
