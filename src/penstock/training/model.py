"""Load and save a causal language model with its tokenizer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.errors import ConfigError, MissingExtraError
from penstock.files import plural, staged_directory
from penstock.training.hyperparameters import DType

if TYPE_CHECKING:
    import torch

MODEL_NAME = "model"


def load_model(
    name: str, dtype: DType, device: str, tokenizer: Any = None
) -> tuple[torch.nn.Module, Any]:
    """Return model (in evaluation mode, on `device`) and tokenizer, which is loaded unless given.

    `name` is a hub name, a directory as transformers saves it, or a `.gguf` file, whose weights are
    dequantized. Raises ConfigError if there is no such model, its files lack weights, its tokenizer
    has ids that it does not embed, or the device is not available.
    """
    with _load_errors(name):
        import torch
        from transformers import AutoModelForCausalLM
        from transformers.utils.logging import disable_progress_bar

        if device.startswith("cuda") and not torch.cuda.is_available():
            raise ConfigError(
                f"this run was given {device}, but torch {torch.__version__} finds no CUDA device; "
                "install a CUDA build of torch, or set cuda_devices: cpu"
            )
        disable_progress_bar()
        if tokenizer is None:
            tokenizer = load_tokenizer(name)
        model, info = AutoModelForCausalLM.from_pretrained(
            **_location(name), dtype=getattr(torch, dtype), output_loading_info=True
        )
    _check_complete(name, model, tokenizer, sorted(info["missing_keys"]))
    if getattr(model, "hf_quantizer", None) is not None:
        # The weights are dequantized: they must train and be saved as plain weights.
        model.hf_quantizer = None
        model.is_quantized = False
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
    return model.to("cuda" if device.startswith("cuda") else "cpu").eval(), tokenizer


def load_tokenizer(name: str) -> Any:
    """Return the tokenizer of a model; raises ConfigError if there is none."""
    with _load_errors(name):
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(**_location(name))


def position_limit(name: str) -> int | None:
    """Return the maximum sequence length in a model's configuration, or None."""
    with _load_errors(name):
        from transformers import AutoConfig

        config = AutoConfig.from_pretrained(**_location(name))
    limit: int | None = getattr(config.get_text_config(), "max_position_embeddings", None)
    return limit


def save_model(model: Any, tokenizer: Any, directory: Path) -> None:
    """Write model and tokenizer as transformers loads them, either both or nothing."""
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    with staged_directory(directory) as staging:
        model.save_pretrained(staging)
        tokenizer.save_pretrained(staging)


@contextmanager
def _load_errors(name: str) -> Iterator[None]:
    """Turn errors of transformers into a ConfigError that names the model."""
    try:
        from safetensors import SafetensorError

        yield
    except ImportError as error:
        raise MissingExtraError(error.name or "torch", "train", "training") from None
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise ConfigError(
            f"cannot be loaded as a causal language model: {error}", field=f"model '{name}'"
        ) from error


def _location(name: str) -> dict[str, str]:
    """Return the arguments of `from_pretrained` for a model."""
    path = Path(name).expanduser()
    if path.suffix == ".gguf" and path.is_file():
        return {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
    if path.exists():
        return {"pretrained_model_name_or_path": str(path)}
    if path.is_absolute() or name.startswith((".", "~")):
        raise ConfigError("there is no such file or directory", field=f"model '{name}'")
    return {"pretrained_model_name_or_path": name}


def _check_complete(name: str, model: Any, tokenizer: Any, missing: list[str]) -> None:
    """Refuse randomly initialized weights, and a tokenizer of another model."""
    if missing:
        raise ConfigError(
            f"its files lack {plural(len(missing), 'tensor')} of a causal language model, such as "
            f"{missing[0]}; random weights in their place are refused",
            field=f"model '{name}'",
        )
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise ConfigError(
            f"the tokenizer has {len(tokenizer):,} ids but the model embeds only {rows:,}; use the "
            "tokenizer that belongs to the model",
            field=f"model '{name}'",
        )
