"""A training beside its data: which entries it reads, and what it is evaluated on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from penstock.checks import _codes as codes
from penstock.checks._collect import Collector
from penstock.checks.chat.directory import ChatFiles
from penstock.checks.chat.leaks import PAIRS_SHARE, distinct_files, leaks, twin_share
from penstock.checks.chat.rows import FileRows
from penstock.checks.chat.taken import taken, words_of
from penstock.checks.chat.tokenized import check_tokenized
from penstock.checks.chat.training import (
    Training,
    TrainingSettings,
    check_settings,
    read_training,
)
from penstock.errors import did_you_mean, did_you_mean_beside
from penstock.fields import called
from penstock.files import plural

#: LLaMA-Factory's own `cutoff_len`, in tokens.
_CUTOFF = 2048
#: So many characters a token has in English text, roughly.
_CHARACTERS_PER_TOKEN = 4
#: What the rows are that a stage of training takes; the others take one answer as well.
_ANSWER, _RANKED, _LABEL = "one answer", "two answers (ranking)", "a label (kto_tag)"
_KINDS = {"rm": _RANKED, "dpo": _RANKED, "kto": _LABEL}


def check_training(training: Training, files: ChatFiles, collector: Collector) -> list[str]:
    """Check a training YAML by itself, and beside the directory that it reads.

    Return the entries that it trains and evaluates on.
    """
    settings = read_training(training.file, collector)
    if settings is None:
        return []
    check_settings(settings)
    if training.directory is None:
        _report_no_directory(settings)
        return []
    if not files.entries:
        return []  # why, has been said
    trained, evaluated = (_entries(settings, key, files) for key in ("dataset", "eval_dataset"))
    if not settings.names("dataset") and settings.get("do_train", True) is True:
        settings.add(codes.DATASET_UNKNOWN, "no dataset is set", "dataset")
    _check_stage(settings, [*trained, *evaluated], files)
    _check_repeated(settings, trained, files)
    _check_evaluation(settings, trained, evaluated, files)
    _check_test(settings, trained, evaluated, files)
    _report_taken(settings, trained, evaluated, files)
    _check_val_size(settings, trained, files)
    check_tokenized(settings, files.of(trained), files.of(evaluated))
    _check_cutoff(settings, files.of(trained))
    return [*trained, *evaluated]


def _report_no_directory(settings: TrainingSettings) -> None:
    place = settings.get("dataset_dir", "data")
    if not isinstance(place, str) or place == "ONLINE" or place.startswith("REMOTE:"):
        return  # from a hub
    hint = did_you_mean_beside(settings.file.parent / place)
    message = f"dataset_dir {place} is not there{hint}"
    settings.add(codes.DATASET_DIR_MISSING, message, "dataset_dir")


def _entries(settings: TrainingSettings, key: str, files: ChatFiles) -> list[str]:
    """Return the entries that a key names and that are there; find the others."""
    names = settings.names(key)
    for name in names:
        if name not in files.entries:
            hint = did_you_mean(name, files.entries)
            message = f"{key} names {called(name)}, which dataset_info.json has not{hint}"
            settings.add(codes.DATASET_UNKNOWN, message, key)
    return [name for name in names if name in files.entries]


def _check_stage(settings: TrainingSettings, names: Sequence[str], files: ChatFiles) -> None:
    """Find entries whose rows are of another kind than the stage takes."""
    stage = str(settings.get("stage", "sft"))
    wanted = _KINDS.get(stage, _ANSWER)
    for name in names:
        entry = files.entries[name]
        labelled = _LABEL if "kto_tag" in entry.columns else _ANSWER
        if (kind := _RANKED if entry.settings.get("ranking") else labelled) != wanted:
            message = f"stage {stage} takes rows with {wanted}, and those of '{name}' have {kind}"
            settings.add(codes.STAGE_MISMATCH, message, "stage")


def _check_repeated(settings: TrainingSettings, trained: list[str], files: ChatFiles) -> None:
    """Find rows that are trained on more than once, as another entry has them as well."""
    for place, name in enumerate(trained):
        before = files.of(trained[:place])
        for rows in files.rows.get(name, []):
            if count := _count_held(rows, before):
                message = (
                    f"{count:,} of {plural(len(rows.lines), 'row')} of '{name}' stand in the "
                    "entries before it as well: they are trained on twice"
                )
                fix = "name the rows once in dataset"
                settings.add(codes.ROW_DUPLICATED, message, "dataset", count=count, fix=fix)


def _check_evaluation(
    settings: TrainingSettings, trained: list[str], evaluated: list[str], files: ChatFiles
) -> None:
    """Find an evaluation that is left out, and one on what is trained on."""
    own = files.splits.get("validation", ())
    if own and not settings.names("eval_dataset") and not settings.val_size:
        message = f"nothing is evaluated, though the directory has '{own[0]}'"
        settings.add(codes.EVALUATION_MISSING, message, "dataset", fix=f"eval_dataset: {own[0]}")
    for name in evaluated:
        for rows, train in product(files.of([name]), files.of(trained)):
            if count := _count_held(rows, [train]):
                message = (
                    f"{count:,} of {plural(len(rows.lines), 'row')} of '{name}' are trained on: "
                    f"they stand in {train.file}"
                )
                settings.add(codes.EVALUATION_TRAINED, message, "eval_dataset", count=count)
            elif not files.in_two_splits(train, rows):  # or they have been compared
                leaks(train, rows, settings.collector)


def _check_test(
    settings: TrainingSettings, trained: list[str], evaluated: list[str], files: ChatFiles
) -> None:
    """Find rows of the test split that are trained on, or that the weights are chosen by."""
    if settings.get("do_train", True) is not True:
        return  # to be evaluated is what they are for
    for key, names in (("dataset", trained), ("eval_dataset", evaluated)):
        for name, test in product(names, files.of_splits.get("test", ())):
            # A split of its own has been compared.
            rows = [rows for rows in files.of([name]) if not files.in_two_splits(rows, test)]
            if not (count := sum(_count_held(each, [test]) for each in rows)):
                continue
            held = f"{plural(count, 'row')} of '{name}' stand in the test split, {test.file}"
            if key == "dataset":
                message = f"{held}: a score on it would tell nothing"
                settings.add(codes.TEST_TRAINED, message, key, count=count)
            else:
                message = f"{held}: weights and settings would be chosen by it"
                settings.add(codes.TEST_CHOOSES, message, key, count=count)


def _report_taken(
    settings: TrainingSettings, trained: list[str], evaluated: list[str], files: ChatFiles
) -> None:
    """Say how many rows are trained and evaluated on, and whether `max_samples` leaves some out."""
    most = settings.get("max_samples")
    most = most if type(most) is int and most >= 0 else None
    drawn = " and draw val_size from" if settings.val_size else ""
    named = {f"to train on{drawn}": trained, "to evaluate on": evaluated}
    parts = {f"{', '.join(names)} {why}": names for why, names in named.items() if names}
    for words in words_of({part: taken(files, names, most) for part, names in parts.items()}):
        settings.add(codes.ROWS_TRAINED, words)
    cut = [name for name in dict.fromkeys([*trained, *evaluated]) if _is_cut(name, files, most)]
    if cut:
        message = f"max_samples takes the first {most:,} rows alone of {', '.join(cut)}"
        settings.add(codes.MAX_SAMPLES, message, "max_samples")


def _is_cut(name: str, files: ChatFiles, most: int | None) -> bool:
    return most is not None and taken(files, [name], most).rows < taken(files, [name]).rows


def _check_val_size(settings: TrainingSettings, trained: list[str], files: ChatFiles) -> None:
    """Find a random validation set where there is one already, or where twins would be parted."""
    size = settings.val_size
    if not size:
        return
    if settings.names("eval_dataset"):
        message = "val_size and eval_dataset are both set; LLaMA-Factory refuses to start"
        settings.add(codes.VAL_SIZE, message, "val_size")
        return
    rows = files.of(trained)
    for own in distinct_files(files.of(files.splits.get("validation", ()))):
        settings.add(codes.VAL_SIZE, _redrawn(own, rows, size), "val_size")
    share = max(map(twin_share, rows), default=0.0)
    if share >= PAIRS_SHARE:
        message = (
            f"{share:.1%} of the rows have their reversed twin in the same file: a random part of "
            "the rows leaves the answers to it in training"
        )
        settings.add(codes.VAL_SIZE, message, "val_size")


def _redrawn(own: FileRows, trained: Sequence[FileRows], size: float) -> str:
    """Say what becomes of an evaluation split when another one is drawn from what is trained on."""
    held, total = _count_held(own, trained), sum(rows.trained for rows in trained)
    if not held or not total:
        return f"a random part of the training rows is evaluated on, and {own.file} is not"
    kept = round(held * (1 - min(size if size < 1 else size / total, 1)))
    return (
        f"evaluation rows are drawn anew: about {kept:,} of the {held:,} rows of {own.file} "
        "would be trained on"
    )


def _count_held(rows: FileRows, files: Sequence[FileRows]) -> int:
    """Return how many rows stand in other files as well."""
    pairs = np.concatenate([np.empty(0, np.uint64), *(each.pairs for each in files)])
    return int(np.isin(rows.pairs, pairs).sum())


def _check_cutoff(settings: TrainingSettings, files: Sequence[FileRows]) -> None:
    cutoff = settings.get("cutoff_len", _CUTOFF)
    if not isinstance(cutoff, int):
        return
    longer = sum(int((rows.characters > cutoff * _CHARACTERS_PER_TOKEN).sum()) for rows in files)
    if longer:
        message = (
            f"about {plural(longer, 'row')} may be longer than cutoff_len {cutoff:,}, at "
            f"{_CHARACTERS_PER_TOKEN} characters a token: their ends are cut off"
        )
        settings.add(codes.CUTOFF_SHORT, message, "cutoff_len")
