"""`tokenized_path`: tokens from an earlier training, taken in the place of data and settings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from penstock.checks import _codes as codes
from penstock.checks.chat.rows import FileRows
from penstock.checks.chat.training import TrainingSettings
from penstock.files import plural

#: Settings under which the number of rows of the tokens is not that of the data.
_CHANGING = ("packing", "neat_packing", "max_samples", "val_size", "streaming")


def check_tokenized(
    settings: TrainingSettings, trained: Sequence[FileRows], evaluated: Sequence[FileRows]
) -> None:
    """Find tokens of other data: older than a file, or of another number of rows."""
    place = settings.get("tokenized_path")
    if place is None:
        return
    path = Path(str(place))
    there = (file for file in path.rglob("*") if file.exists())  # a link may lead nowhere
    made = max((file.stat().st_mtime_ns for file in there), default=None)
    if made is None:  # an empty directory is none to LLaMA-Factory
        return
    files = [rows.file for rows in (*trained, *evaluated)]
    newer = [file for file in files if file.stat().st_mtime_ns > made]
    rows, expected = _rows(path / "train"), sum(rows.trained for rows in trained)
    comparable = trained and not any(settings.get(key) for key in _CHANGING)
    if newer:
        message = f"{path} is older than {newer[0]}, and is what would be trained on"
        settings.add(codes.TOKENIZED_STALE, message, "tokenized_path")
    elif comparable and rows is not None and rows != expected:
        message = f"{path} has {plural(rows, 'row')}, the data {expected:,}: it is of other data"
        settings.add(codes.TOKENIZED_STALE, message, "tokenized_path")
    else:
        message = f"{path} is there: it is trained on, and the files are not read"
        settings.add(codes.TOKENIZED_USED, message, "tokenized_path")


def _rows(split: Path) -> int | None:
    """Return the number of rows of a saved Hugging Face dataset, None where there is none."""
    import pyarrow as pa

    count = 0
    files = sorted(split.glob("*.arrow"))
    try:
        for file in files:
            with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as batches:
                count += sum(batch.num_rows for batch in batches)
    except (OSError, pa.ArrowInvalid):
        return None  # what is broken LLaMA-Factory refuses itself
    return count if files else None
