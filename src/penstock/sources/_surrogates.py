r"""What becomes of lone surrogates in JSON of the input: halves of a character (`\ud83d`).

JSON can write them, UTF-8 cannot hold them, and no tokenizer takes them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

Surrogates = Annotated[
    Literal["error", "replace"],
    Field(
        description="What a lone surrogate (half of a character, as in `\\ud83d`) is: an error, "
        "or U+FFFD, and counted."
    ),
]
MEND = "`surrogates: replace` puts U+FFFD in its place"
