"""Kinds of finding about chat rows. `docs/checking.md` describes each."""

from __future__ import annotations

from penstock.findings import Code, Severity

_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

# Entries of dataset_info.json.
ENTRY_INVALID = Code("entry-invalid", _ERROR, "correct the entry")
ENTRY_KEY_UNKNOWN = Code(
    "entry-key-unknown", _WARNING, "correct it; unknown keys are silently ignored"
)
ENTRY_FILE_MISSING = Code("entry-file-missing", _ERROR, "name a file of this directory")
ENTRY_COLUMN_MISSING = Code("entry-column-missing", _ERROR, "name the columns that the rows have")
ENTRY_TAG_MISSING = Code("entry-tag-missing", _ERROR, "name the tags that the messages have")
ENTRY_SAMPLED = Code("entry-sampled", _WARNING, "leave num_samples out to train on each row once")
ENTRY_UNREAD = Code("entry-unread", _INFO, "nothing; its rows were not checked")
FILE_UNREAD = Code("file-unread", _WARNING, "write it as .jsonl to have its rows checked")
FORMATTING_OPENAI = Code("formatting-openai", _WARNING, "set formatting to sharegpt")

# Rows.
ROW_INVALID = Code("row-invalid", _ERROR, "correct the row; training stops at it, or drops it")
ROW_DROPPED = Code("row-dropped", _ERROR, "correct the row; it is left out of training")
ANSWER_EMPTY = Code("answer-empty", _ERROR, "remove the row; a model would learn to say nothing")
PROMPT_EMPTY = Code("prompt-empty", _WARNING, "remove the row, or fill in the turn")
SIDES_IDENTICAL = Code(
    "sides-identical", _WARNING, "remove the row; a model would learn to repeat the prompt"
)
ANSWER_TOLD = Code(
    "answer-told", _WARNING, "correct the template of the prompts: the answer must not be in them"
)
TEXT_TOKENISED = Code("text-tokenised", _WARNING, "build again with the step `detokenize`")
TWIN_LEAKED = Code("twin-leaked", _ERROR, "keep both directions of a pair in one split")
SENTENCE_LEAKED = Code(
    "sentence-leaked", _ERROR, "split by shared sentences: build with the step `components`"
)
SPLITS_APART = Code("splits-apart", _INFO, "nothing; the splits are separate")
SPLITS_UNKNOWN = Code(
    "splits-unknown", _INFO, "to compare them, name entries NAME_train, NAME_eval, NAME_test"
)

#: Every code above, by its name.
CODES = {code.name: code for code in tuple(globals().values()) if isinstance(code, Code)}
