"""Datasets of the Hugging Face Hub, through the library `datasets` and its cache."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from penstock.errors import ConfigError, MissingExtraError
from penstock.sources._tables import ArrowSource

_NO_NETWORK = (
    "the Hub cannot be reached, and the dataset is not cached. On a machine with network access, "
    "either fill the cache (HF_HOME), copy it to this one and set HF_HUB_OFFLINE=1; or use "
    "save_to_disk, and read the folder with `kind: hf_disk`"
)
#: Fixes for errors of `datasets`, by the names of their classes.
_HINTS = {
    "DatasetNotFoundError": "; a private or gated dataset needs HF_TOKEN in the environment",
    "DatasetGenerationError": "; use the source for this type of file (csv, jsonl, ...), which "
    "names the line",
}


class HubSource(ArrowSource):
    """Rows of one split of a dataset of the Hugging Face Hub, or of a directory of data files.

    The library `datasets` downloads it once, as Arrow files in its cache (HF_HOME). These are the
    inputs: the manifest has their hashes, and their paths include the commit. A private dataset
    needs HF_TOKEN in the environment.
    """

    dataset: str = Field(
        min_length=1, description="Its name, owner/name; or a directory of csv, json, parquet, ..."
    )
    config: str | None = Field(
        None, min_length=1, description="The configuration, if it has several."
    )
    split: str = Field("train", description="The split, which is read completely.")
    revision: str | None = Field(
        None,
        min_length=1,
        description="The commit, tag or branch; null: the newest. Only a commit never changes.",
    )

    @field_validator("split")
    @classmethod
    def _is_complete_split(cls, split: str) -> str:
        if not re.fullmatch(r"\w+(\.\w+)*", split):
            raise ValueError(
                "must be the name of one split; use the step `take` to select some of its rows"
            )
        return split

    def inputs(self) -> list[str]:
        """Return the Arrow files in the cache, downloading them first if necessary.

        Raises ConfigError if the dataset is not available, MissingExtraError without `datasets`.
        """
        return self._files

    @cached_property
    def _files(self) -> list[str]:
        if self.dataset.startswith((".", "/")) and not Path(self.dataset).is_dir():
            raise ConfigError("there is no such directory", file=self.dataset)
        try:
            import datasets
        except ImportError:
            raise MissingExtraError("datasets", "hub", "the source hub") from None
        try:
            builder = datasets.load_dataset_builder(
                self.dataset, self.config, revision=self.revision
            )
            self._refuse_other_revision(builder)
            builder.download_and_prepare()
            loaded = builder.as_dataset(split=self.split)
        except ConfigError:
            raise
        except ConnectionError:
            raise ConfigError(_NO_NETWORK, file=self.dataset) from None
        except Exception as error:  # each file type, and the Hub, raises its own exceptions
            # Only the first line: the others may show text of rows.
            message = (str(error) or type(error).__name__).splitlines()[0]
            hint = _HINTS.get(type(error).__name__, "")
            raise ConfigError(message + hint, file=self.dataset) from None
        return [entry["filename"] for entry in loaded.cache_files]

    def _refuse_other_revision(self, builder: Any) -> None:
        """Raise ConfigError if `datasets`, offline, falls back to another cached revision."""
        from datasets.packaged_modules.cache.cache import Cache

        if isinstance(builder, Cache) and self.revision not in (None, builder.hash):
            raise ConfigError(
                f"the Hub cannot be reached, and the newest cached revision is {builder.hash}; set "
                "`revision` to that commit, or download the other one",
                file=self.dataset,
            )


SOURCE = HubSource
