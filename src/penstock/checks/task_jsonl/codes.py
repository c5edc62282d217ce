"""Every kind of finding about task JSONL. `docs/checking.md` says what each means."""

from __future__ import annotations

from penstock.checks._collect import Code
from penstock.findings import Severity

_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

# The directory.
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
MANIFEST_UNREADABLE = Code("manifest-unreadable", _ERROR, "make the dataset again")
MANIFEST_MISMATCH = Code("manifest-mismatch", _ERROR, "restore the file, or make the dataset again")

# The lines.
NOT_UTF8 = Code("not-utf8", _ERROR, "save the file as UTF-8")
BYTE_ORDER_MARK = Code("byte-order-mark", _ERROR, "save the file as UTF-8 without a BOM")
LINE_EMPTY = Code("line-empty", _ERROR, "remove the line")
JSON_INVALID = Code("json-invalid", _ERROR, "correct the line; each must be one JSON object")
NOT_AN_OBJECT = Code("not-an-object", _ERROR, "each line must be one row: {...}")
KEY_REPEATED = Code("key-repeated", _ERROR, "keep one of them; readers take the last in silence")
CRLF = Code("crlf", _INFO, "harmless; for line ends as elsewhere: sed -i 's/\\r$//' FILE")
FINAL_NEWLINE = Code("final-newline", _INFO, "end the last line with a newline before appending")

# The rows.
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

# Against the original.
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

#: Every code above, by its name.
CODES = {code.name: code for code in tuple(globals().values()) if isinstance(code, Code)}
