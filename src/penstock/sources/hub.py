"""Datasets of the Hugging Face hub, through the library `datasets` and its cache."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from penstock.errors import ConfigError, MissingExtraError
from penstock.sources._arrow import ArrowSource

_NO_NETWORK = (
    "the hub cannot be reached, and the cache does not have it. Where a network is, fill the cache "
    "(HF_HOME) and take it here with HF_HUB_OFFLINE=1; or save_to_disk there, and read the folder "
    "with `kind: hf_disk`"
)
#: What to do about errors of `datasets`, by their names.
_MENDS = {
    "DatasetNotFoundError": "; what is private or gated needs HF_TOKEN in the environment",
    "DatasetGenerationError": "; a source of the files' own kind (csv, jsonl, ...) names the line",
}


class HubSource(ArrowSource):
    """Rows of one split of a dataset of the Hugging Face hub, or of a directory like one.

    The library `datasets` fetches it once, as Arrow files in its cache (HF_HOME), and these are
    the inputs: the manifest has their hashes, and their paths the commit that they come from. A
    private dataset needs HF_TOKEN in the environment.
    """

    dataset: str = Field(
        min_length=1, description="Its name, owner/name; or a directory of csv, json, parquet, ..."
    )
    config: str | None = Field(
        None, min_length=1, description="The configuration, where it has several."
    )
    split: str = Field("train", description="The split that is read, whole.")
    revision: str | None = Field(
        None,
        min_length=1,
        description="The commit, tag or branch; null: the newest. Only a commit is the same for "
        "ever.",
    )

    @field_validator("split")
    @classmethod
    def _is_a_whole_split(cls, split: str) -> str:
        if not re.fullmatch(r"\w+(\.\w+)*", split):
            raise ValueError(
                "must be the name of one split; to have some of its rows, use the step `take`"
            )
        return split

    def inputs(self) -> list[str]:
        """Return the Arrow files in the cache; they are fetched if they are not there.

        Raises ConfigError for what cannot be had, MissingExtraError without `datasets`.
        """
        return self._files

    def arrow_files(self) -> list[str]:
        """Return the Arrow files in the cache."""
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
            self._refuse_another_revision(builder)
            builder.download_and_prepare()
            loaded = builder.as_dataset(split=self.split)
        except ConfigError:
            raise
        except ConnectionError:
            raise ConfigError(_NO_NETWORK, file=self.dataset) from None
        except Exception as error:  # each kind of file, and the hub, has errors of its own
            raise ConfigError(_first_line(error), file=self.dataset) from None
        return [entry["filename"] for entry in loaded.cache_files]

    def _refuse_another_revision(self, builder: Any) -> None:
        """Refuse what `datasets` takes from its cache, whatever was asked, without a network."""
        from datasets.packaged_modules.cache.cache import Cache

        if isinstance(builder, Cache) and self.revision not in (None, builder.hash):
            raise ConfigError(
                f"the hub cannot be reached, and the newest that the cache has is {builder.hash}, "
                "not the revision that is asked for; set `revision` to that commit, or fetch the "
                "other one",
                file=self.dataset,
            )


def _first_line(error: Exception) -> str:
    """Return what an error of `datasets` says; further lines may show text of rows."""
    said = (str(error) or type(error).__name__).splitlines()[0]
    return said + _MENDS.get(type(error).__name__, "")


SOURCE = HubSource
