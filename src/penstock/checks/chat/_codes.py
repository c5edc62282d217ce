"""Kinds of finding about chat rows. `docs/checking.md` describes each."""

from penstock.findings import Code

error, warning, info = Code.error, Code.warning, Code.info

# Entries of dataset_info.json.
ENTRY_INVALID = error("entry-invalid", "correct the entry")
ENTRY_KEY_UNKNOWN = warning("entry-key-unknown", "correct it; unknown keys are silently ignored")
ENTRY_FILE_MISSING = error("entry-file-missing", "name a file of this directory")
ENTRY_COLUMN_MISSING = error("entry-column-missing", "name the columns that the rows have")
ENTRY_TAG_MISSING = error("entry-tag-missing", "name the tags that the messages have")
ENTRY_SAMPLED = warning("entry-sampled", "leave num_samples out to train on each row once")
ENTRY_UNREAD = info("entry-unread", "nothing; its rows were not checked")
FILE_UNREAD = warning("file-unread", "write it as .jsonl to have its rows checked")
FORMATTING_OPENAI = warning("formatting-openai", "set formatting to sharegpt")

# Rows.
ROW_INVALID = error("row-invalid", "correct the row; training stops at it, or drops it")
ROW_DROPPED = error("row-dropped", "correct the row; it is left out of training")
ANSWER_EMPTY = error("answer-empty", "remove the row; a model would learn to say nothing")
PROMPT_EMPTY = warning("prompt-empty", "remove the row, or fill in the turn")
SIDES_IDENTICAL = warning(
    "sides-identical", "remove the row; a model would learn to repeat the prompt"
)
ANSWER_TOLD = warning(
    "answer-told", "correct the template of the prompts: the answer must not be in them"
)
TEXT_TOKENISED = warning("text-tokenised", "build again with the step `detokenize`")
TWIN_LEAKED = error("twin-leaked", "keep both directions of a pair in one split")
SENTENCE_LEAKED = error(
    "sentence-leaked", "split by shared sentences: build with the step `components`"
)
SPLITS_APART = info("splits-apart", "nothing; the splits are separate")
SPLITS_UNKNOWN = info(
    "splits-unknown", "to compare them, name entries NAME_train, NAME_eval, NAME_test"
)

#: Every code above, by its name.
CODES = {code.name: code for code in tuple(globals().values()) if isinstance(code, Code)}
