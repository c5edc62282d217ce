"""A training YAML together with its data: which rows it trains on and is evaluated on."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from penstock.errors import did_you_mean
from penstock.fields import quoted_name
from penstock.files import plural
from penstock.formats.chat import DirectoryContents, FileContents, distinct_files
from penstock.trainers._base import CheckedConfig
from penstock.trainers.llamafactory.checks import codes
from penstock.trainers.llamafactory.checks.rows import trained_rows, used_rows, used_rows_lines
from penstock.trainers.llamafactory.checks.settings import TrainingSettings

#: LLaMA-Factory's default `cutoff_len`, in tokens.
_CUTOFF = 2048
#: A token of English text has about so many characters.
_CHARACTERS_PER_TOKEN = 4
#: The kind of rows for each stage of training; other stages use one answer as well.
_ANSWER, _RANKED, _LABEL = "one answer", "two answers (ranking)", "a label (kto_tag)"
_KINDS = {"rm": _RANKED, "dpo": _RANKED, "kto": _LABEL}
#: A file of sentence pairs has so large a share of rows whose reversed pair is in the file too.
_PAIRS_SHARE = 0.5
#: Settings with which the number of tokenized rows differs from that of the data.
_CHANGING = ("packing", "neat_packing", "max_samples", "val_size", "streaming")


class DataCheck:
    """Checks the entries that a training trains on, and those that it is evaluated on."""

    def __init__(self, settings: TrainingSettings, contents: DirectoryContents) -> None:
        self.settings = settings
        self.contents = contents
        self.trained = self._entries("dataset")
        self.evaluated = self._entries("eval_dataset")

    def check(self) -> CheckedConfig:
        """Report problems; return the entries, and the files that are still to be compared."""
        settings = self.settings
        if not settings.names("dataset") and settings.get("do_train", True) is True:
            settings.add(codes.DATASET_UNKNOWN, "no dataset is set", "dataset")
        self._check_stage()
        self._check_repeated()
        compare = self._check_evaluation()
        self._check_test()
        self._report_used()
        self._check_val_size()
        self._check_tokenized()
        self._check_cutoff()
        return CheckedConfig([*self.trained, *self.evaluated], compare)

    def _entries(self, key: str) -> list[str]:
        """Return the entries that a key names, and report those that do not exist."""
        names, known = self.settings.names(key), self.contents.entries
        for name in names:
            if name not in known:
                hint = did_you_mean(name, known)
                message = (
                    f"{key} names {quoted_name(name)}, which is not in dataset_info.json{hint}"
                )
                self.settings.add(codes.DATASET_UNKNOWN, message, key)
        return [name for name in names if name in known]

    def _check_stage(self) -> None:
        stage = str(self.settings.get("stage", "sft"))
        wanted = _KINDS.get(stage, _ANSWER)
        for name in (*self.trained, *self.evaluated):
            entry = self.contents.entries[name]
            labelled = _LABEL if "kto_tag" in entry.columns else _ANSWER
            kind = _RANKED if entry.settings.get("ranking") else labelled
            if kind != wanted:
                message = f"stage {stage} needs rows with {wanted}; those of '{name}' have {kind}"
                self.settings.add(codes.STAGE_MISMATCH, message, "stage")

    def _check_repeated(self) -> None:
        """Report rows that are trained on twice, as another entry has them too."""
        for index, name in enumerate(self.trained):
            before = self.contents.files_of(self.trained[:index])
            for file in self.contents.files.get(name, []):
                if count := file.count_in(before):
                    message = (
                        f"{count:,} of {plural(len(file.lines), 'row')} of '{name}' are in the "
                        "entries before it too: they are trained on twice"
                    )
                    self.settings.add(codes.ROW_DUPLICATED, message, "dataset", count=count)

    def _check_evaluation(self) -> list[tuple[FileContents, FileContents]]:
        """Report an unused evaluation split, and evaluation on rows that are trained on.

        Return the pairs of files that are still to be compared.
        """
        settings, contents = self.settings, self.contents
        own = contents.splits.get("validation", ())
        if own and not settings.names("eval_dataset") and not settings.val_size:
            message = f"nothing is evaluated, though the directory has '{own[0]}'"
            fix = f"eval_dataset: {own[0]}"
            settings.add(codes.EVALUATION_MISSING, message, "dataset", fix=fix)
        uncompared = []
        trained = contents.files_of(self.trained)
        for name in self.evaluated:
            for file, train in product(contents.files_of([name]), trained):
                if count := file.count_in([train]):
                    message = (
                        f"{count:,} of {plural(len(file.lines), 'row')} of '{name}' are trained "
                        f"on: they are in {train.file}"
                    )
                    settings.add(codes.EVALUATION_TRAINED, message, "eval_dataset", count=count)
                elif not contents.in_two_splits(train, file):
                    uncompared.append((train, file))
        return uncompared

    def _check_test(self) -> None:
        """Report rows of the test split that are trained on, or that select the weights."""
        if self.settings.get("do_train", True) is not True:
            return  # evaluation is what test rows are for
        for key, names, code, effect in (
            ("dataset", self.trained, codes.TEST_TRAINED, "a score on it would be meaningless"),
            ("eval_dataset", self.evaluated, codes.TEST_CHOOSES, "it would select the weights"),
        ):
            for name, test in product(names, self.contents.split_files.get("test", ())):
                # The directory's check has compared files of two splits.
                count = sum(
                    file.count_in([test])
                    for file in self.contents.files_of([name])
                    if not self.contents.in_two_splits(file, test)
                )
                if count:
                    rows = f"{plural(count, 'row')} of '{name}'"
                    message = f"{rows} are in the test split, {test.file}: {effect}"
                    self.settings.add(code, message, key, count=count)

    def _report_used(self) -> None:
        """Report how many rows are trained and evaluated on, and whether `max_samples` cuts."""
        settings, contents = self.settings, self.contents
        limit = settings.get("max_samples")
        limit = limit if type(limit) is int and limit >= 0 else None
        sampled = " and sample val_size from" if settings.val_size else ""
        named = {f"to train on{sampled}": self.trained, "to evaluate on": self.evaluated}
        parts = {f"{', '.join(names)} {use}": names for use, names in named.items() if names}
        used = {part: used_rows(contents, names, limit) for part, names in parts.items()}
        for line in used_rows_lines(used):
            settings.add(codes.ROWS_TRAINED, line)
        if limit is None:
            return
        cut = [
            name
            for name in dict.fromkeys([*self.trained, *self.evaluated])
            if used_rows(contents, [name], limit).used < used_rows(contents, [name]).used
        ]
        if cut:
            message = f"max_samples uses only the first {limit:,} rows of {', '.join(cut)}"
            settings.add(codes.MAX_SAMPLES, message, "max_samples")

    def _check_val_size(self) -> None:
        """Report a random validation set that replaces another, or that separates pairs."""
        settings, size = self.settings, self.settings.val_size
        if not size:
            return
        if settings.names("eval_dataset"):
            message = "val_size and eval_dataset are both set; LLaMA-Factory refuses to start"
            settings.add(codes.VAL_SIZE, message, "val_size")
            return
        files = self.contents.files_of(self.trained)
        total = sum(map(trained_rows, files))
        validation = self.contents.files_of(self.contents.splits.get("validation", ()))
        for own in distinct_files(validation):
            held_out = own.count_in(files)
            if held_out and total:
                kept = round(held_out * (1 - min(size if size < 1 else size / total, 1)))
                message = (
                    f"evaluation rows are drawn again: about {kept:,} of the {held_out:,} rows of "
                    f"{own.file} would be trained on"
                )
            else:
                message = f"evaluation uses random training rows instead of {own.file}"
            settings.add(codes.VAL_SIZE, message, "val_size")
        share = max((file.reversed_share for file in files), default=0.0)
        if share >= _PAIRS_SHARE:
            message = (
                f"{share:.1%} of the rows have their reversed pair in the same file: random "
                "evaluation rows would have their answers in the training rows"
            )
            settings.add(codes.VAL_SIZE, message, "val_size")

    def _check_tokenized(self) -> None:
        """Report tokens of an earlier training, which replace the data and may be outdated."""
        settings, directory = self.settings, self.settings.get("tokenized_path")
        if directory is None:
            return
        path = Path(str(directory))
        existing = (file for file in path.rglob("*") if file.exists())  # a link may be broken
        written = max((file.stat().st_mtime_ns for file in existing), default=None)
        if written is None:  # LLaMA-Factory ignores an empty directory
            return
        trained = self.contents.files_of(self.trained)
        files = [f.file for f in (*trained, *self.contents.files_of(self.evaluated))]
        newer = [file for file in files if file.stat().st_mtime_ns > written]
        rows, expected = _arrow_rows(path / "train"), sum(map(trained_rows, trained))
        comparable = trained and not any(settings.get(key) for key in _CHANGING)
        code = codes.TOKENIZED_STALE
        if newer:
            message = f"{path} is older than {newer[0]}, and would be trained on"
        elif comparable and rows is not None and rows != expected:
            message = f"{path} has {plural(rows, 'row')}, the data {expected:,}: not the same data"
        else:
            code = codes.TOKENIZED_USED
            message = f"{path} exists: it is trained on, and the files are not read"
        settings.add(code, message, "tokenized_path")

    def _check_cutoff(self) -> None:
        cutoff = self.settings.get("cutoff_len", _CUTOFF)
        if not isinstance(cutoff, int):
            return
        limit = cutoff * _CHARACTERS_PER_TOKEN
        files = self.contents.files_of(self.trained)
        if longer := sum(int((file.characters > limit).sum()) for file in files):
            message = (
                f"about {plural(longer, 'row')} may be longer than cutoff_len {cutoff:,}, at "
                f"{_CHARACTERS_PER_TOKEN} characters per token: their ends are cut off"
            )
            self.settings.add(codes.CUTOFF_SHORT, message, "cutoff_len")


def _arrow_rows(split: Path) -> int | None:
    """Return the number of rows of a saved Hugging Face dataset, None if there is none."""
    import pyarrow as pa

    count = 0
    files = sorted(split.glob("*.arrow"))
    try:
        for file in files:
            with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as batches:
                count += sum(batch.num_rows for batch in batches)
    except (OSError, pa.ArrowInvalid):
        return None  # LLaMA-Factory refuses broken files itself
    return count if files else None
