"""A run's weights, rebuilt from the model it started from and what the run kept."""

from __future__ import annotations

from pathlib import Path

from penstock.errors import ConfigError, ConflictError, DataError
from penstock.runs import ModelUse, RunDirectory, model_hash
from penstock.training.methods import METHODS
from penstock.training.model import load_model, save_model


def rebuild_weights(run: Path, target: Path, step: int | None = None) -> int:
    """Write the weights of a run into `target` as transformers loads them; return their step.

    `step` is the best one unless given; only methods that keep every step can give another.
    Raises ConfigError or DataError when the run has not what is needed or started from other
    weights than its model has now, ConflictError when `target` exists.
    """
    if target.exists():
        raise ConflictError(f"{target}: exists; name a directory that does not")
    record = RunDirectory(run).current()
    if record.result is None:
        raise ConfigError(
            f"the run is {record.state.value}; only a run that is done has weights", file=run
        )
    if record.config.trainer != "penstock":
        raise ConfigError(
            f"{record.config.trainer} trained it, and left its weights in this directory; merge an "
            "adapter with its own tools",
            file=run,
        )
    _require_unchanged(record.model)
    method_class = METHODS.get(record.config.method)
    values = method_class.Hyperparameters(**record.config.hyperparameters)
    model, tokenizer = load_model(record.config.model, values.weights_dtype, record.device)
    template = RunDirectory(run).chat_template(record.config)
    if template is not None:
        tokenizer.chat_template = template
    method = method_class(values)
    method.prepare(model)
    taken = record.result.best_step if step is None else step
    method.restore(run, taken, best=taken == record.result.best_step)
    save_model(method.merged(), tokenizer, target)
    return taken


def _require_unchanged(model: ModelUse) -> None:
    """Refuse a local model other than the one the run started from: the sum would be of neither."""
    if model.sha256 is not None and model_hash(Path(model.name)) != model.sha256:
        raise DataError(
            "is missing or not what it was when the run started from it; restore it",
            file=model.name,
        )
