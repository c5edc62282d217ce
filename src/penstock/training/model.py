"""Load a causal language model and its tokenizer, by hub name or from a local path."""

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
    dequantised. Raises ConfigError when there is no such model, when weights are missing from it,
    when its tokenizer has ids that the model has not, or when the device is not there.
    """
    with _naming_the_model(name):
        import torch
        from transformers import AutoModelForCausalLM
        from transformers.utils.logging import disable_progress_bar

        if device.startswith("cuda") and not torch.cuda.is_available():
            raise ConfigError(
                f"this run was given {device}, and torch {torch.__version__} finds no CUDA device; "
                "install a CUDA build of torch, or set cuda_devices: cpu"
            )
        disable_progress_bar()
        if tokenizer is None:
            tokenizer = load_tokenizer(name)
        model, found = AutoModelForCausalLM.from_pretrained(
            **_where(name), dtype=getattr(torch, dtype), output_loading_info=True
        )
    _require_whole(name, model, tokenizer, sorted(found["missing_keys"]))
    _as_plain_weights(model)
    return model.to("cuda" if device.startswith("cuda") else "cpu").eval(), tokenizer


def load_tokenizer(name: str) -> Any:
    """Return the tokenizer of a model; raises ConfigError where there is none."""
    with _naming_the_model(name):
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(**_where(name))


def position_limit(name: str) -> int | None:
    """Return the most tokens that a model was made for, where its configuration says."""
    with _naming_the_model(name):
        from transformers import AutoConfig

        config = AutoConfig.from_pretrained(**_where(name))
    limit: int | None = getattr(config.get_text_config(), "max_position_embeddings", None)
    return limit


@contextmanager
def _naming_the_model(name: str) -> Iterator[None]:
    """Turn what goes wrong while a model is loaded into an error that names it."""
    try:
        from safetensors import SafetensorError

        yield
    except ImportError as error:
        raise MissingExtraError(error.name or "torch", "train", "training") from None
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise ConfigError(
            f"cannot be loaded as a causal language model: {error}", field=f"model '{name}'"
        ) from error


def _where(name: str) -> dict[str, str]:
    """Return a model's place in the words of transformers."""
    path = Path(name).expanduser()
    if path.suffix == ".gguf" and path.is_file():
        return {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
    if path.exists():
        return {"pretrained_model_name_or_path": str(path)}
    if path.is_absolute() or name.startswith((".", "~")):
        raise ConfigError("there is no such file or directory", field=f"model '{name}'")
    return {"pretrained_model_name_or_path": name}


def _require_whole(name: str, model: Any, tokenizer: Any, missing: list[str]) -> None:
    """Refuse weights that were made up at random, and a tokenizer that is not the model's."""
    if missing:
        raise ConfigError(
            f"its files lack {plural(len(missing), 'tensor')} of a causal language model, such as "
            f"{missing[0]}; random weights in their place are refused",
            field=f"model '{name}'",
        )
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise ConfigError(
            f"the tokenizer has {len(tokenizer):,} ids and the model embeds {rows:,}: they do not "
            "belong together",
            field=f"model '{name}'",
        )


def _as_plain_weights(model: Any) -> None:
    """Forget that the weights came out of a quantised file, so that they train and save."""
    if getattr(model, "hf_quantizer", None) is not None:
        model.hf_quantizer = None
        model.is_quantized = False
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config


def save_model(model: Any, tokenizer: Any, directory: Path) -> None:
    """Write model and tokenizer, whole or not at all, as transformers loads them."""
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    with staged_directory(directory) as staging:
        model.save_pretrained(staging)
        tokenizer.save_pretrained(staging)
