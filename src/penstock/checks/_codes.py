"""Every kind of finding: its severity, its code and its fix. `docs/checking.md` explains each.

Chat data and trainings of LLaMA-Factory have their own codes beside their checks.
"""

from penstock.findings import Code

error, warning, info = Code.error, Code.warning, Code.info

# The manifest.
MANIFEST_UNREADABLE = error("manifest-unreadable", "build the dataset again")
MANIFEST_MISMATCH = error("manifest-mismatch", "restore the file, or build the dataset again")
HASHES_SAMPLED = info("hashes-sampled", "to compare the content of every file: --full")

# Task data: the directory.
FILE_MISSING = error("file-missing", "add the file under exactly this name")
FILE_CASE = error("file-case", "rename it; loaders look for the exact name")
DIRECTORY_CASE = error("directory-case", "rename it; loaders look for the exact name")
CASE_COLLISION = error("case-collision", "keep one; some file systems cannot hold both")
FILE_MISNAMED = error("file-misnamed", "rename it; loaders look for the exact name")
FILE_UNUSED = warning("file-unused", "rename it if it is data, or move it away")
LINK_BROKEN = error("link-broken", "correct the link, or replace it by a copy")
NOT_A_FILE = error("not-a-file", "replace it by the file")
FILE_UNREADABLE = error("file-unreadable", "allow reading: chmod u+r FILE")
FILE_EMPTY = error("file-empty", "add rows; training on no data is an error")

# Lines of JSON.
NOT_UTF8 = error("not-utf8", "save the file as UTF-8")
BYTE_ORDER_MARK = error("byte-order-mark", "save the file as UTF-8 without a BOM")
LINE_EMPTY = error("line-empty", "remove the line")
JSON_INVALID = error("json-invalid", "correct the line; each must be one JSON object")
NOT_AN_OBJECT = error("not-an-object", "write one row per line: {...}")
KEY_REPEATED = error("key-repeated", "keep one; JSON readers use the last without a warning")
CRLF = info("crlf", "harmless; to convert: sed -i 's/\\r$//' FILE")
FINAL_NEWLINE = info("final-newline", "add a newline before appending rows")

# Task data: the rows.
FIELD_MISSING = error("field-missing", "add the field")
FIELD_EXTRA = error("field-extra", "remove the field")
FIELD_NULL = error("field-null", "add the value, or restore the original row")
FIELD_EMPTY = error("field-empty", "add the value, or restore the original row")
FIELD_TYPE = error("field-type", "write the value with the type of the task")
FIELD_VALUE = error("field-value", "correct the value")
LABEL_RANGE = error("label-range", "correct the label")
LABEL_MISSING = error("label-missing", "add a label; only test rows may have none")
ID_DUPLICATED = error("id-duplicated", "make ids unique; was a file appended twice?")
ROW_DUPLICATED = warning("row-duplicated", "keep one of them")
ROW_LEAKED = error("row-leaked", "remove the rows from the train file")
TEXT_OVERLAP = warning("text-overlap", "report scores with and without these rows")

# Task data compared with its original.
ROWS_UNALIGNED = error("rows-unaligned", "give --against the original of this file")
ROWS_LOST = error("rows-lost", "add the original rows in their place")
ROWS_ADDED = warning("rows-added", "remove them, or document where they come from")
ID_CHANGED = error("id-changed", "restore the ids of the original")
LABEL_CHANGED = error("label-changed", "restore the labels of the original")
FIELD_CHANGED = warning("field-changed", "restore the field if only the text should differ")
EVALUATION_CHANGED = warning("evaluation-changed", "replace the file by the original")
ROWS_IDENTICAL = info("rows-identical", "nothing, if these rows should not change")
TEXT_QUOTED = warning("text-quoted", "remove the quotation marks")
TEXT_NEWLINE = warning("text-newline", "strip the text, and join its lines with spaces")
TEXT_CHATTER = warning("text-chatter", "remove the model's words, or restore the original row")
TEXT_DUPLICATED = info("text-duplicated", "nothing, if they are in the original too")
TEXT_DUPLICATED_NEW = warning("text-duplicated-new", "rephrase one of them again")
TEXT_OVERLAP_NEW = error("text-overlap-new", "restore the original rows")

# Pairs of .bin and .idx.
INDEX_UNREADABLE = error("index-unreadable", "copy or build both files again")
INDEX_LENGTHS = error("index-lengths", "copy or build both files again")
INDEX_ADDRESSES = error("index-addresses", "copy or build both files again")
INDEX_DOCUMENTS = error("index-documents", "copy or build both files again")
DATA_SIZE = error("data-size", "restore the .bin that was written with this .idx")
SEQUENCES_EMPTY = warning("sequences-empty", "remove documents without text before tokenizing")
MODES_PRESENT = info("modes-present", "use a reader of multimodal data")
DTYPE_FOREIGN = error("dtype-foreign", "write the pair again with Megatron's dtype codes")
DTYPE_NO_TOKENS = error("dtype-no-tokens", "build the pair again with an integer dtype")
DTYPE_NARROW = error("dtype-narrow", "build the pair again; larger ids have overflowed")
DTYPE_GUESSED = warning("dtype-guessed", "read the dtype from the .idx; never guess it")
DTYPE_DEEPSPEED = info("dtype-deepspeed", "do not open it with DeepSpeed's MMapIndexedDataset")

# The layout of TensorFlow Datasets, and shards.
INFO_UNREADABLE = error("info-unreadable", "correct the file, or build the dataset again")
INFO_KEY_UNKNOWN = error("info-key-unknown", "remove the key; TFDS rejects the whole file")
INFO_BYTES = warning("info-bytes", "correct numBytes, or build the dataset again")
VERSION_DIRECTORY = warning("version-directory", "rename it, or use tfds.builder_from_directory")
SHARD_MISSING = error("shard-missing", "restore the shard, or build the dataset again")
SHARD_STRAY = error("shard-stray", "remove it, or build the dataset again")
SHARD_DAMAGED = error("shard-damaged", "restore the shard, or build the dataset again")

# Packed rows.
COLUMN_MISSING = warning("column-missing", "build with all columns of packed rows")
ROW_SHAPE = error("row-shape", "write all columns of a row with the same length")
VALUE_RANGE = error("value-range", "write int32 ids from 0; mask with targets_segmentation")
PADDING_INSIDE = error("padding-inside", "write padding only at the end of a row")
PADDING_COUNTED = error("padding-counted", "set targets_segmentation to 0 in padding")
SEGMENTS_BROKEN = error("segments-broken", "number the documents of a row from 1")
POSITIONS_BROKEN = error("positions-broken", "restart positions from 0 at each document")
TARGETS_INCONSISTENT = error("targets-inconsistent", "make each target the next token")
TARGETS_LEAK = error("targets-leak", "set targets_segmentation to 0 at each document's last token")
LOSS_MASKED = warning("loss-masked", "remove the row, or unmask tokens to train on")

# Tokens: the tokenizer.
DATA_SAMPLED = info("data-sampled", "to read everything: --full")
TOKENIZER_UNKNOWN = info("tokenizer-unknown", "name the tokenizer of the ids: --tokenizer DIR")
TOKENIZER_MISSING = warning("tokenizer-missing", "give its new location: --tokenizer DIR")
TOKENIZER_MISMATCH = error("tokenizer-mismatch", "use the tokenizer of the ids, or tokenize again")
IDS_OUT_OF_RANGE = error("ids-out-of-range", "tokenize again; models have no embedding for the id")
TEXT_PARTLY_REENCODED = warning("text-partly-reencoded", "look at the rows with penstock show")
TEXT_NOT_REENCODED = error("text-not-reencoded", "tokenize again with the model's tokenizer")

# Tokens: whether they are real text.
TYPES_UNIFORM = error("types-uniform", "find the loader that fell back to random ids; build again")
ORDER_RANDOM = error("order-random", "shuffle documents instead of tokens; build again")
TEXT_REPEATED = error("text-repeated", "find the reader that starts over; deduplicate the source")
TOKEN_DOMINANT = error("token-dominant", "mask padding, or read the file with the right dtype")
IDS_HALVED = error("ids-halved", "read the source with the dtype it was written with; build again")
TOKENS_SYNTHETIC = warning("tokens-synthetic", "use them to measure speed only")
TOKENS_FEW = info("tokens-few", "nothing; the check needs more tokens")
TOKEN_STATISTICS = info("token-statistics", "compare them with those of other datasets")

#: Every code above, by its name.
CODES = {code.name: code for code in tuple(globals().values()) if isinstance(code, Code)}
