"""Every kind of finding, of every format. `docs/checking.md` says what each means."""

from __future__ import annotations

from penstock.checks._collect import Code
from penstock.findings import Severity

_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
_AGAIN = "copy both files again, or make them again"

# The manifest.
MANIFEST_UNREADABLE = Code("manifest-unreadable", _ERROR, "make the dataset again")
MANIFEST_MISMATCH = Code("manifest-mismatch", _ERROR, "restore the file, or make the dataset again")

# Task data: the directory.
FILE_MISSING = Code("file-missing", _ERROR, "put the file there under exactly this name")
FILE_CASE = Code("file-case", _ERROR, "rename it; loaders look for the exact name")
DIRECTORY_CASE = Code("directory-case", _ERROR, "rename it; loaders look for the exact name")
CASE_COLLISION = Code(
    "case-collision", _ERROR, "keep one; some file systems cannot hold both, and only one is read"
)
FILE_MISNAMED = Code("file-misnamed", _ERROR, "rename it; loaders look for the exact name")
FILE_UNUSED = Code("file-unused", _WARNING, "rename it if it is data, or move it away")
LINK_BROKEN = Code("link-broken", _ERROR, "link to the file's present place, or copy it here")
NOT_A_FILE = Code("not-a-file", _ERROR, "put the file itself there")
FILE_UNREADABLE = Code("file-unreadable", _ERROR, "allow reading: chmod u+r FILE")
FILE_EMPTY = Code("file-empty", _ERROR, "make the file again; training on nothing is refused")

# Lines of JSON.
NOT_UTF8 = Code("not-utf8", _ERROR, "save the file as UTF-8")
BYTE_ORDER_MARK = Code("byte-order-mark", _ERROR, "save the file as UTF-8 without a BOM")
LINE_EMPTY = Code("line-empty", _ERROR, "remove the line")
JSON_INVALID = Code("json-invalid", _ERROR, "correct the line; each must be one JSON object")
NOT_AN_OBJECT = Code("not-an-object", _ERROR, "each line must be one row: {...}")
KEY_REPEATED = Code("key-repeated", _ERROR, "keep one of them; readers take the last in silence")
CRLF = Code("crlf", _INFO, "harmless; for line ends as elsewhere: sed -i 's/\\r$//' FILE")
FINAL_NEWLINE = Code("final-newline", _INFO, "end the last line with a newline before appending")

# Task data: the rows.
FIELD_MISSING = Code("field-missing", _ERROR, "add the field")
FIELD_EXTRA = Code("field-extra", _ERROR, "remove the field")
FIELD_NULL = Code("field-null", _ERROR, "fill in the value, or take the row of the original")
FIELD_EMPTY = Code("field-empty", _ERROR, "fill in the value, or take the row of the original")
FIELD_TYPE = Code("field-type", _ERROR, "write the value as the type that the task has")
FIELD_VALUE = Code("field-value", _ERROR, "correct the value")
LABEL_RANGE = Code("label-range", _ERROR, "correct the label")
LABEL_MISSING = Code("label-missing", _ERROR, "label the row; only test rows may be without")
ID_DUPLICATED = Code("id-duplicated", _ERROR, "give each row its own id; was a file joined twice?")
ROW_DUPLICATED = Code("row-duplicated", _WARNING, "keep one of them")
ROW_LEAKED = Code("row-leaked", _ERROR, "take the row out of the train file")
TEXT_OVERLAP = Code("text-overlap", _WARNING, "report scores with and without these rows")

# Task data against its original.
ROWS_UNALIGNED = Code("rows-unaligned", _ERROR, "name the original that this file was made from")
ROWS_LOST = Code("rows-lost", _ERROR, "put the original rows in their place")
ROWS_ADDED = Code("rows-added", _WARNING, "take them out, or say where they come from")
ID_CHANGED = Code("id-changed", _ERROR, "restore the ids of the original")
LABEL_CHANGED = Code("label-changed", _ERROR, "restore the labels of the original")
FIELD_CHANGED = Code("field-changed", _WARNING, "restore the field, if only the text was to change")
EVALUATION_CHANGED = Code(
    "evaluation-changed", _WARNING, "evaluate on the original file; copy it here"
)
ROWS_IDENTICAL = Code("rows-identical", _INFO, "nothing, if they were meant to stay")
TEXT_QUOTED = Code("text-quoted", _WARNING, "take the quotation marks off")
TEXT_NEWLINE = Code("text-newline", _WARNING, "strip the text; join its lines by spaces")
TEXT_CHATTER = Code("text-chatter", _WARNING, "cut the model's words, or take the original row")
TEXT_DUPLICATED = Code("text-duplicated", _INFO, "nothing, if the original has them")
TEXT_DUPLICATED_NEW = Code("text-duplicated-new", _WARNING, "rephrase one of them again")
TEXT_OVERLAP_NEW = Code("text-overlap-new", _ERROR, "take the original rows in their place")

# Pairs of .bin and .idx.
INDEX_UNREADABLE = Code("index-unreadable", _ERROR, _AGAIN)
INDEX_LENGTHS = Code("index-lengths", _ERROR, _AGAIN)
INDEX_ADDRESSES = Code("index-addresses", _ERROR, _AGAIN)
INDEX_DOCUMENTS = Code("index-documents", _ERROR, _AGAIN)
DATA_SIZE = Code("data-size", _ERROR, "put the .bin there that was written with this .idx")
SEQUENCES_EMPTY = Code(
    "sequences-empty", _WARNING, "filter documents without text before tokenizing"
)
MODES_PRESENT = Code("modes-present", _INFO, "read it with a reader that knows multimodal data")
DTYPE_FOREIGN = Code(
    "dtype-foreign", _ERROR, "write the pair again with Megatron's codes; other readers misread it"
)
DTYPE_NO_TOKENS = Code("dtype-no-tokens", _ERROR, "build the pair again with an integer dtype")
DTYPE_NARROW = Code(
    "dtype-narrow", _ERROR, "build the pair again; ids beyond the dtype were wrapped in silence"
)
DTYPE_GUESSED = Code(
    "dtype-guessed", _WARNING, "read the dtype from the file, never from the size of the vocabulary"
)
DTYPE_DEEPSPEED = Code(
    "dtype-deepspeed", _INFO, "do not open it with DeepSpeed's MMapIndexedDataset"
)

# TFDS's layout, and shards.
INFO_UNREADABLE = Code("info-unreadable", _ERROR, "correct the file, or build the dataset again")
INFO_KEY_UNKNOWN = Code("info-key-unknown", _ERROR, "remove the key; TFDS refuses the whole file")
INFO_BYTES = Code("info-bytes", _WARNING, "write the bytes of the shards, or build again")
VERSION_DIRECTORY = Code(
    "version-directory", _WARNING, "rename it; only tfds.builder_from_directory loads it as it is"
)
SHARD_MISSING = Code("shard-missing", _ERROR, "put the shard there, or build the dataset again")
SHARD_STRAY = Code("shard-stray", _ERROR, "remove it, or build the dataset again")
SHARD_DAMAGED = Code("shard-damaged", _ERROR, "restore the shard, or build the dataset again")

# Packed rows.
COLUMN_MISSING = Code("column-missing", _WARNING, "build with all columns of packed rows")
ROW_SHAPE = Code("row-shape", _ERROR, "give every column of every row the same length")
VALUE_RANGE = Code(
    "value-range", _ERROR, "write ids as int32 from 0; mask with targets_segmentation, not -100"
)
PADDING_INSIDE = Code("padding-inside", _ERROR, "put padding at the end of a row alone")
PADDING_COUNTED = Code("padding-counted", _ERROR, "set targets_segmentation to 0 in padding")
SEGMENTS_BROKEN = Code("segments-broken", _ERROR, "number the documents of a row from 1")
POSITIONS_BROKEN = Code("positions-broken", _ERROR, "restart positions from 0 at each document")
TARGETS_INCONSISTENT = Code(
    "targets-inconsistent", _ERROR, "make each target the next token of its document"
)
TARGETS_LEAK = Code(
    "targets-leak", _ERROR, "set targets_segmentation to 0 at the last token of each document"
)
LOSS_MASKED = Code("loss-masked", _WARNING, "take the rows out, or unmask what shall be learnt")

# LLaMA-Factory: dataset_info.json.
ENTRY_INVALID = Code("entry-invalid", _ERROR, "correct the entry")
ENTRY_KEY_UNKNOWN = Code(
    "entry-key-unknown", _WARNING, "correct it; LLaMA-Factory passes over it without a word"
)
ENTRY_FILE_MISSING = Code("entry-file-missing", _ERROR, "name a file of this directory")
ENTRY_COLUMN_MISSING = Code("entry-column-missing", _ERROR, "name the columns that the rows have")
ENTRY_TAG_MISSING = Code("entry-tag-missing", _ERROR, "name the tags that the messages have")
ENTRY_SAMPLED = Code("entry-sampled", _WARNING, "leave num_samples out to train on each row once")
ENTRY_UNREAD = Code("entry-unread", _INFO, "nothing; its rows were not looked at")
FILE_UNREAD = Code("file-unread", _WARNING, "write it as .jsonl to have its rows checked")
FORMATTING_OPENAI = Code("formatting-openai", _WARNING, "set formatting to sharegpt")

# LLaMA-Factory: the rows.
ROW_INVALID = Code("row-invalid", _ERROR, "correct the row; LLaMA-Factory stops at it, or drops it")
ROW_DROPPED = Code("row-dropped", _ERROR, "correct the row; LLaMA-Factory leaves it out")
ANSWER_EMPTY = Code("answer-empty", _ERROR, "take the row out; it would teach to say nothing")
PROMPT_EMPTY = Code("prompt-empty", _WARNING, "take the row out, or fill in the turn")
SIDES_IDENTICAL = Code("sides-identical", _WARNING, "take the row out; it teaches to repeat")
ANSWER_TOLD = Code(
    "answer-told", _WARNING, "look at the template of the prompts; the answer is not to be in them"
)
TEXT_TOKENISED = Code("text-tokenised", _WARNING, "build again with the step `detokenize`")
TWIN_LEAKED = Code("twin-leaked", _ERROR, "keep both directions of a pair in one split")
SENTENCE_LEAKED = Code(
    "sentence-leaked", _ERROR, "split by shared sentences: build with the step `components`"
)
ROWS_TRAINED = Code("rows-trained", _INFO, "nothing, if these are all that you meant")
SPLITS_APART = Code("splits-apart", _INFO, "nothing; this is as it should be")
SPLITS_UNKNOWN = Code(
    "splits-unknown", _INFO, "to have them compared, call entries NAME_train, NAME_eval, NAME_test"
)

# LLaMA-Factory: the training YAML.
TRAINING_UNREADABLE = Code("training-unreadable", _ERROR, "correct the file")
SECRET_PRESENT = Code("secret-present", _ERROR, "take it out, and revoke it if others saw the file")
DATASET_DIR_MISSING = Code("dataset-dir-missing", _ERROR, "set dataset_dir to where the data is")
DATASET_UNKNOWN = Code("dataset-unknown", _ERROR, "name an entry of dataset_info.json")
STAGE_MISMATCH = Code("stage-mismatch", _ERROR, "set the stage that the entry is for")
EVALUATION_MISSING = Code("evaluation-missing", _WARNING, "set eval_dataset to it")
EVALUATION_TRAINED = Code("evaluation-trained", _ERROR, "train on an entry without these rows")
TEST_TRAINED = Code("test-trained", _ERROR, "train on the train split alone")
TEST_CHOOSES = Code(
    "test-chooses", _WARNING, "set eval_dataset to the validation split; keep test for the end"
)
MAX_SAMPLES = Code("max-samples", _WARNING, "leave max_samples out to take every row")
SETTING_UNKNOWN = Code(
    "setting-unknown", _ERROR, "correct it, or take it out; LLaMA-Factory refuses to start with it"
)
VAL_SIZE = Code("val-size", _ERROR, "leave val_size out, and set eval_dataset")
TOKENIZED_STALE = Code("tokenized-stale", _ERROR, "remove it, or name another tokenized_path")
TOKENIZED_USED = Code("tokenized-used", _WARNING, "remove it after any change of data or settings")
STREAMING_SETTINGS = Code("streaming-settings", _ERROR, "correct it; else nothing starts")
TEMPLATE_MISSING = Code("template-missing", _WARNING, "set template to that of the model: llama3")
TEMPLATE_UNKNOWN = Code("template-unknown", _WARNING, "set template to that of the model")
CUTOFF_SHORT = Code("cutoff-short", _INFO, "raise cutoff_len if the ends of these rows matter")
PRECISION_BOTH = Code("precision-both", _ERROR, "set one of them: bf16, where the device has it")
PACKING_CROSSES = Code("packing-crosses", _WARNING, "set neat_packing: true")

# Tokens: what was read.
HASHES_SAMPLED = Code("hashes-sampled", _INFO, "compare the content of every file with --full")
DATA_SAMPLED = Code("data-sampled", _INFO, "read everything with --full")

# Tokens: the tokenizer.
TOKENIZER_UNKNOWN = Code(
    "tokenizer-unknown", _INFO, "name the tokenizer that made the ids: --tokenizer DIR"
)
TOKENIZER_MISSING = Code(
    "tokenizer-missing", _WARNING, "say where the tokenizer is now: --tokenizer DIR"
)
TOKENIZER_MISMATCH = Code(
    "tokenizer-mismatch", _ERROR, "take the tokenizer that made the ids, or tokenize again"
)
IDS_OUT_OF_RANGE = Code(
    "ids-out-of-range", _ERROR, "tokenize again; a model has no embedding for such an id"
)
TEXT_PARTLY_REENCODED = Code(
    "text-partly-reencoded",
    _WARNING,
    "look at the rows with penstock show; of real text every window comes back",
)
TEXT_NOT_REENCODED = Code(
    "text-not-reencoded", _ERROR, "tokenize again with the tokenizer of the model to be trained"
)

# Tokens: is it real?
TYPES_UNIFORM = Code(
    "types-uniform", _ERROR, "look for a loader that fell back to random ids, and build again"
)
ORDER_RANDOM = Code(
    "order-random", _ERROR, "look for what shuffled tokens instead of documents, and build again"
)
TEXT_REPEATED = Code(
    "text-repeated", _ERROR, "look for a reader that starts over, and deduplicate the source"
)
TOKEN_DOMINANT = Code(
    "token-dominant", _ERROR, "look for padding that is not masked, or the wrong dtype"
)
IDS_HALVED = Code(
    "ids-halved", _ERROR, "read the file with the dtype that it was written with, and build again"
)
TOKENS_SYNTHETIC = Code(
    "tokens-synthetic", _WARNING, "train on them to measure speed, never to learn"
)
TOKENS_FEW = Code("tokens-few", _INFO, "nothing; so little data cannot be told from noise")
TOKEN_STATISTICS = Code("token-statistics", _INFO, "nothing; compare it with other datasets")

#: Every code above, by its name.
CODES = {code.name: code for code in tuple(globals().values()) if isinstance(code, Code)}
