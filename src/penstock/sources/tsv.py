"""Tab-separated values; a quote is a normal character."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from penstock.sources.csv import CsvSource


class TsvSource(CsvSource):
    """Rows from tables with one record per line and a tab between fields.

    It is the source `csv` with other defaults.
    """

    delimiter: str | None = Field(
        "\t", min_length=1, max_length=1, description="What separates fields."
    )
    quoting: Literal["standard", "none"] = Field(
        "none",
        description="none: a quote is a normal character. "
        "standard: a field may be in double quotes, which are doubled within it.",
    )


SOURCE = TsvSource
