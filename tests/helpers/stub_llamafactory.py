"""A stub of `llamafactory-cli`: `stub_llamafactory.py train FILE`, with the BEHAVIOUR of a test.

It writes and prints what LLaMA-Factory 0.9.5 does, without training. The higher the
learning rate, the lower the loss: 1 at 2e-4, and half a nat more on test rows.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

#: Seconds to wait for the test to end the process.
_PATIENCE = 120
_INFO = "[INFO|2026-01-01 00:00:00] llamafactory.data.loader:144 >> "
_WARNING = "[WARNING|2026-01-01 00:00:00] llamafactory.data.converter:149 >> "


def main(settings: dict[str, Any]) -> int:
    """Pretend to train or to evaluate; return the exit status."""
    behaviour = os.environ.get("BEHAVIOUR", "train")
    output = Path(settings["output_dir"])
    output.mkdir(parents=True)
    train, evaluation = rows(settings, "dataset"), rows(settings, "eval_dataset")
    print("training example:\ninput_ids:\n[1, 2]\ninputs:\na secret sentence\n", flush=True)
    print(f"{_INFO}KV cache is disabled during training.", flush=True)
    if behaviour == "drop":
        print(f"{_WARNING}Invalid role tag in [{{'content': 'a secret sentence'}}].", flush=True)
        train -= 1
    if behaviour == "read fewer":
        train -= 2
    if behaviour == "drop all":
        for _ in range(train):
            print(f"{_WARNING}Invalid message count in [{{'content': 'a secret sentence'}}].")
        print("RuntimeError: Cannot find valid samples, check `data/README.md`.", file=sys.stderr)
        return 1
    if behaviour == "quote":
        said = "Invalid JSON format in function message: ['a secret sentence']."
        print(f"RuntimeError: {said}", file=sys.stderr)
        return 1
    if behaviour == "fail":
        print("Traceback (most recent call last):\n  ...", file=sys.stderr)
        print("ValueError: Unknown dataset.", file=sys.stderr)
        return 1
    if behaviour == "out of memory":
        print("torch.OutOfMemoryError: CUDA out of memory. Tried to ...", file=sys.stderr)
        return 1
    if behaviour != "say nothing":
        say_counts(train, evaluation)
    losses = [float("nan")] * 3 if behaviour == "not finite" else [3.0, 1.0, 2.0]
    if settings["do_train"]:
        write_log(output / "trainer_log.jsonl", losses)
    if behaviour == "kill itself":
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour in ("wait", "not finite", "drop", "read fewer"):
        wait_with_a_child()
    loss = (
        2e-4 / settings["learning_rate"] if settings["do_train"] else trained_loss(settings) + 0.5
    )
    (output / "eval_results.json").write_text(json.dumps({"eval_loss": loss}))
    return 0


def trained_loss(settings: dict[str, Any]) -> float:
    """Return the loss that the training has written beside its weights."""
    place = Path(settings.get("adapter_name_or_path", settings["model_name_or_path"]))
    return float(json.loads((place / "eval_results.json").read_text())["eval_loss"])


def rows(settings: dict[str, Any], key: str) -> int:
    """Return the number of rows of the entries that a key names."""
    directory = Path(settings["dataset_dir"])
    info = json.loads((directory / "dataset_info.json").read_text())
    names = settings[key].split(",") if key in settings else []
    files = [directory / info[name]["file_name"] for name in names]
    return sum(len(file.read_text().splitlines()) for file in files)


def say_counts(train: int, evaluation: int) -> None:
    """Print the numbers of rows as transformers does."""
    for heading, count in (("training", train), ("Evaluation", evaluation)):
        if count:
            print(f"***** Running {heading} *****", file=sys.stderr)
            print(f"[INFO|trainer.py:1] >>   Num examples = {count:,}", file=sys.stderr, flush=True)


def write_log(file: Path, losses: list[float]) -> None:
    """Write a loss and an evaluation loss for each step."""
    with file.open("w") as log:
        for step, loss in enumerate(losses, 1):
            same = {"current_steps": step, "total_steps": len(losses), "total_tokens": 100 * step}
            log.write(json.dumps({**same, "loss": 2 * loss, "lr": 1e-4, "epoch": step / 3}) + "\n")
            log.write(json.dumps({**same, "eval_loss": loss, "epoch": step / 3}) + "\n")


def wait_with_a_child() -> None:
    """Wait to be killed, with a child that ignores SIGTERM."""
    script = f"trap '' TERM; echo $$ >child; sleep {_PATIENCE}"
    with subprocess.Popen(["sh", "-c", script]):
        Path("pid").write_text(str(os.getpid()))
        time.sleep(_PATIENCE)


if __name__ == "__main__":
    sys.exit(main(yaml.safe_load(Path(sys.argv[2]).read_text())))
