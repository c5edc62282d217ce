"""Kinds of finding about trainings with LLaMA-Factory. `docs/checking.md` describes each."""

from penstock.findings import Code

error, warning, info = Code.error, Code.warning, Code.info

#: The same code as for a row that is twice in one file.
ROW_DUPLICATED = warning("row-duplicated", "name the rows once in dataset")
ROWS_TRAINED = info("rows-trained", "nothing, if these are the intended rows")
TRAINING_UNREADABLE = error("training-unreadable", "correct the file")
SECRET_PRESENT = error("secret-present", "remove it, and revoke it if others saw the file")
DATASET_DIR_MISSING = error("dataset-dir-missing", "set dataset_dir to the directory of the data")
DATASET_UNKNOWN = error("dataset-unknown", "name an entry of dataset_info.json")
STAGE_MISMATCH = error("stage-mismatch", "set the stage that the entry is for")
EVALUATION_MISSING = warning("evaluation-missing", "set eval_dataset to it")
EVALUATION_TRAINED = error("evaluation-trained", "train on an entry without these rows")
TEST_TRAINED = error("test-trained", "train on the train split only")
TEST_CHOOSES = warning(
    "test-chooses", "set eval_dataset to the validation split; keep test for the end"
)
MAX_SAMPLES = warning("max-samples", "remove max_samples to use every row")
SETTING_UNKNOWN = error(
    "setting-unknown", "correct it, or remove it; LLaMA-Factory refuses to start with it"
)
VAL_SIZE = error("val-size", "remove val_size, and set eval_dataset")
TOKENIZED_STALE = error("tokenized-stale", "remove it, or name another tokenized_path")
TOKENIZED_USED = warning("tokenized-used", "remove it after any change of data or settings")
STREAMING_SETTINGS = error(
    "streaming-settings", "correct it; LLaMA-Factory refuses to start with it"
)
TEMPLATE_MISSING = warning("template-missing", "set template to that of the model: llama3")
TEMPLATE_UNKNOWN = warning("template-unknown", "set template to that of the model")
CUTOFF_SHORT = info("cutoff-short", "raise cutoff_len if the ends of these rows matter")
PRECISION_BOTH = error("precision-both", "set one of them: bf16, if the device supports it")
PACKING_CROSSES = warning("packing-crosses", "set neat_packing: true")
