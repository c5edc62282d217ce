"""Rebuild the weights of a run from its base model and what the run saved."""

from __future__ import annotations

from pathlib import Path

from penstock.errors import ConfigError, ConflictError, DataError
from penstock.runs import RunDirectory, model_hash
from penstock.training.methods import METHODS
from penstock.training.model import load_model, save_model


def rebuild_weights(run: Path, target: Path, step: int | None = None) -> int:
    """Write the weights of a run into `target`, as transformers loads them; return their step.

    `step` defaults to the best one; only methods that record every step can rebuild another.
    Raises ConfigError or DataError if the run did not save what is needed or its base model has
    changed, ConflictError if `target` exists.
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
            f"{record.config.trainer} trained it and saved its weights in this directory; merge an "
            "adapter with its own tools",
            file=run,
        )
    base = record.model
    if base.sha256 is not None and model_hash(Path(base.name)) != base.sha256:
        raise DataError(
            "is missing or has changed since the run started from it; restore it", file=base.name
        )
    method_class = METHODS.get(record.config.method)
    hyperparameters = method_class.Hyperparameters(**record.config.hyperparameters)
    model, tokenizer = load_model(record.config.model, hyperparameters.weights_dtype, record.device)
    template = RunDirectory(run).chat_template(record.config)
    if template is not None:
        tokenizer.chat_template = template
    method = method_class(hyperparameters)
    method.prepare(model)
    best = record.result.best_step
    rebuilt = best if step is None else step
    method.restore(run, rebuilt, best=rebuilt == best)
    save_model(method.merged(), tokenizer, target)
    return rebuilt
