"""Load a causal language model and its tokenizer, by hub name or from a local path."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.errors import ConfigError, MissingExtraError
from penstock.files import staged_directory
from penstock.training.hyperparameters import DType

if TYPE_CHECKING:
    import torch

MODEL_NAME = "model"


def load_model(name: str, dtype: DType, device: str) -> tuple[torch.nn.Module, Any]:
    """Return model (in evaluation mode, on `device`) and tokenizer.

    `name` is a hub name, a directory as transformers saves it, or a `.gguf` file, whose weights are
    dequantised. Raises ConfigError when there is no such model, when its tokenizer has ids that
    the model has not, or when the device is not there.
    """
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils.logging import disable_progress_bar
    except ImportError as error:
        raise MissingExtraError(error.name or "torch", "train", "training") from None
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(
            f"this run was given {device}, and torch {torch.__version__} finds no CUDA device; "
            "install a CUDA build of torch, or set cuda_devices: cpu"
        )
    disable_progress_bar()
    path = Path(name).expanduser()
    where: dict[str, Any] = {"pretrained_model_name_or_path": str(path) if path.exists() else name}
    if path.suffix == ".gguf" and path.is_file():
        where = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
    try:
        tokenizer = AutoTokenizer.from_pretrained(**where)
        model = AutoModelForCausalLM.from_pretrained(**where, dtype=getattr(torch, dtype))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"cannot be loaded as a causal language model: {error}", field=f"model '{name}'"
        ) from error
    _as_plain_weights(model)
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise ConfigError(
            f"the tokenizer has {len(tokenizer):,} ids and the model embeds {rows:,}: they do not "
            "belong together",
            field=f"model '{name}'",
        )
    return model.to("cuda" if device.startswith("cuda") else "cpu").eval(), tokenizer


def _as_plain_weights(model: Any) -> None:
    """Forget that the weights came out of a quantised file, so that they train and save."""
    if getattr(model, "hf_quantizer", None) is not None:
        model.hf_quantizer = None
        model.is_quantized = False
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config


def save_model(model: Any, tokenizer: Any, directory: Path) -> None:
    """Write model and tokenizer, whole or not at all, as transformers loads them."""
    with staged_directory(directory) as staging:
        model.save_pretrained(staging)
        tokenizer.save_pretrained(staging)
