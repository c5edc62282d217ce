"""Kinds of finding about trainings with LLaMA-Factory. `docs/checking.md` describes each."""

from __future__ import annotations

from penstock.findings import Code, Severity

_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

#: The same code as for a row that is twice in one file.
ROW_DUPLICATED = Code("row-duplicated", _WARNING, "name the rows once in dataset")
ROWS_TRAINED = Code("rows-trained", _INFO, "nothing, if these are the intended rows")
TRAINING_UNREADABLE = Code("training-unreadable", _ERROR, "correct the file")
SECRET_PRESENT = Code("secret-present", _ERROR, "remove it, and revoke it if others saw the file")
DATASET_DIR_MISSING = Code(
    "dataset-dir-missing", _ERROR, "set dataset_dir to the directory of the data"
)
DATASET_UNKNOWN = Code("dataset-unknown", _ERROR, "name an entry of dataset_info.json")
STAGE_MISMATCH = Code("stage-mismatch", _ERROR, "set the stage that the entry is for")
EVALUATION_MISSING = Code("evaluation-missing", _WARNING, "set eval_dataset to it")
EVALUATION_TRAINED = Code("evaluation-trained", _ERROR, "train on an entry without these rows")
TEST_TRAINED = Code("test-trained", _ERROR, "train on the train split only")
TEST_CHOOSES = Code(
    "test-chooses", _WARNING, "set eval_dataset to the validation split; keep test for the end"
)
MAX_SAMPLES = Code("max-samples", _WARNING, "remove max_samples to use every row")
SETTING_UNKNOWN = Code(
    "setting-unknown", _ERROR, "correct it, or remove it; LLaMA-Factory refuses to start with it"
)
VAL_SIZE = Code("val-size", _ERROR, "remove val_size, and set eval_dataset")
TOKENIZED_STALE = Code("tokenized-stale", _ERROR, "remove it, or name another tokenized_path")
TOKENIZED_USED = Code("tokenized-used", _WARNING, "remove it after any change of data or settings")
STREAMING_SETTINGS = Code(
    "streaming-settings", _ERROR, "correct it; LLaMA-Factory refuses to start with it"
)
TEMPLATE_MISSING = Code("template-missing", _WARNING, "set template to that of the model: llama3")
TEMPLATE_UNKNOWN = Code("template-unknown", _WARNING, "set template to that of the model")
CUTOFF_SHORT = Code("cutoff-short", _INFO, "raise cutoff_len if the ends of these rows matter")
PRECISION_BOTH = Code("precision-both", _ERROR, "set one of them: bf16, if the device supports it")
PACKING_CROSSES = Code("packing-crosses", _WARNING, "set neat_packing: true")

#: Every code above, by its name.
CODES = {code.name: code for code in tuple(globals().values()) if isinstance(code, Code)}
