"""`TokenDataset`: windows over a pair of `.bin` and `.idx`, for any training loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from penstock.errors import ConfigError, DataError, did_you_mean
from penstock.files import plural
from penstock.formats.megatron import IndexedReader, split_prefixes
from penstock.loading.hashing import content_hash, fingerprint
from penstock.loading.order import EpochOrder, Progress, resolve_rank
from penstock.loading.windows import (
    ConcatWindows,
    DocumentWindows,
    Sample,
    SampleReader,
    WindowSpec,
)

#: The settings that determine samples and order; a saved position is valid only for the same ones.
_SETTINGS = ("seq_length", "mode", "shifted", "last", "shuffle", "seed")

Mode = Literal["concat", "document"]
Last = Literal["pad", "drop"]


class TokenDataset:
    """Samples of `seq_length` tokens from a Megatron indexed dataset, in a fixed order.

    A sample is a dict of int64 arrays: `input_ids`, `labels`, and in document mode
    `attention_mask`. Labels are the unshifted inputs, as models of transformers expect; with
    `shifted=True` each is the next token. Labels of padding, and of a last token without a next
    one, are -100.

    The dataset determines the order, the same in every framework: give it to a loader that reads
    it sequentially (`DataLoader(dataset, shuffle=False)`).

    * `path`: a dataset directory, a prefix, either file of a pair, or an open `IndexedReader`;
      `split` selects one of several.
    * `mode`: `concat` cuts all tokens into windows, across documents; `document` cuts each document
      separately, and reads the index once when the dataset is created.
    * `last`: `pad` fills an incomplete last window with `pad_id`, `drop` omits it; `padding` and
      `dropped` count the positions and tokens concerned.
    * `shuffle`: a new order in each epoch, determined by `seed`; see `set_epoch`.
    * `rank`, `world_size`: rank r reads positions r, r + world_size, ... of the order. All ranks
      get the same number of samples; the rest (`remainder`) is omitted from the epoch, and no
      sample is read twice. If the environment has several ranks, they are required;
      `world_size=1` if the trainer distributes batches itself (HF Trainer).
    * `vocab_size`: refuse ids that are not below it.

    Raises ConfigError for invalid settings, DataError for data that cannot be read or have no
    sample.
    """

    def __init__(
        self,
        path: Path | str | IndexedReader,
        seq_length: int,
        *,
        split: str | None = None,
        mode: Mode = "concat",
        shifted: bool = False,
        last: Last = "pad",
        pad_id: int = 0,
        shuffle: bool = False,
        seed: int = 0,
        rank: int | None = None,
        world_size: int | None = None,
        vocab_size: int | None = None,
    ) -> None:
        _check_choice("mode", mode, get_args(Mode))
        _check_choice("last", last, get_args(Last))
        if seq_length < 1:
            raise ConfigError(f"must be at least 1, not {seq_length}", field="seq_length")
        if vocab_size is not None and not 0 <= pad_id < vocab_size:
            raise ConfigError(f"{pad_id} is not below vocab_size, {vocab_size:,}", field="pad_id")
        self.rank, self.world_size = resolve_rank(rank, world_size)
        self.reader = path if isinstance(path, IndexedReader) else _open(Path(path), split)
        self.seq_length, self.mode, self.shifted, self.last = seq_length, mode, shifted, last
        self.shuffle, self.seed, self.pad_id, self.vocab_size = shuffle, seed, pad_id, vocab_size
        self.reader.require_ids()
        spec = WindowSpec(seq_length, shifted, padded=last == "pad")
        windows = (ConcatWindows if mode == "concat" else DocumentWindows)(self.reader, spec)
        if windows.count < self.world_size:
            raise DataError(
                f"{plural(self.reader.tokens, 'token')} give {plural(windows.count, 'sample')} of "
                f"{seq_length:,}, not one for each of {plural(self.world_size, 'rank')}; use a "
                "shorter seq_length or more data",
                file=self.reader.bin_path,
            )
        masked = mode == "document"
        self._samples = SampleReader(self.reader, windows, spec, pad_id, masked, vocab_size)
        #: The number of samples of all ranks in an epoch, including `remainder`.
        self.samples = windows.count
        #: The number of samples that no rank reads in an epoch, so that all read equally many.
        self.remainder = windows.count % self.world_size
        #: The number of tokens of the data.
        self.tokens = self.reader.tokens
        #: The number of positions without a token, in the samples of all ranks.
        self.padding = windows.padding
        #: The number of tokens in no sample.
        self.dropped = windows.dropped
        self._order = EpochOrder(
            self.samples, seed if shuffle else None, self.rank, self.world_size
        )
        self._progress = Progress()
        #: The number of samples of the epoch that iteration has read; None before the first.
        self._iterated: int | None = None
        #: True once a loader has read by index: then only the loader knows its position.
        self._indexed = False

    @property
    def epoch(self) -> int:
        """The current epoch."""
        return self._progress.epoch

    def __len__(self) -> int:
        """The number of samples of this rank in an epoch, without those read before a resume."""
        return len(self._order) - self._progress.start

    def __getitem__(self, index: int) -> Sample:
        length = len(self)
        if not -length <= index < length:
            raise IndexError(f"{index} is not one of {length:,} samples")
        return {name: column[0] for name, column in self.batch((index % length,)).items()}

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        """Return the samples at some indices; torch's loader fetches batches with it."""
        self._indexed = True
        batch = self.batch(indices)
        return [dict(zip(batch, row, strict=True)) for row in zip(*batch.values(), strict=True)]

    def __iter__(self) -> Iterator[Sample]:
        start = self._progress.start
        for index in range(len(self)):
            self._iterated = start + index + 1
            yield self[index]

    def batch(self, indices: Sequence[int] | NDArray[np.int64]) -> Sample:
        """Return the samples at some indices as arrays of shape (samples, seq_length).

        Raises IndexError for an index below 0 or past the end.
        """
        positions = np.asarray(indices, np.int64)
        if positions.size and (positions.min() < 0 or positions.max() >= len(self)):
            raise IndexError(f"the indices are not all from 0 to {len(self) - 1:,}")
        return self._samples.read(self._order.at(self.epoch, positions + self._progress.start))

    def set_epoch(self, epoch: int) -> None:
        """Use the order of this epoch, from its start unless it is the current one.

        Workers of a loader follow, even those that live longer than an epoch.
        """
        if epoch != self.epoch:
            self._progress.move(epoch, 0)
            self._iterated = None

    def fingerprint(self, samples: int) -> str:
        """Return the fingerprint of the next `samples` samples of this rank."""
        return fingerprint(self.batch(range(samples)))

    def state_dict(self, taken: int | None = None) -> dict[str, Any]:
        """Return the position of the dataset, as plain numbers and text to save with a model.

        `taken` is the number of samples that this rank has read in this epoch. It defaults to those
        read by iterating over the dataset; with a loader it is batches times batch size. Raises
        ConfigError if a loader has read and `taken` is not given.
        """
        if taken is None and self._indexed:
            raise ConfigError(
                "samples were read by index, as a loader does, so that only the loader knows how "
                "many; pass their number: state_dict(taken=batches * batch_size)"
            )
        if taken is None:
            taken = self._progress.start if self._iterated is None else self._iterated
        return {
            "content": self._content,
            "settings": self._settings(),
            "epoch": self.epoch,
            "samples": taken * self.world_size,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from a state: the dataset then starts with the next sample.

        The number of ranks may differ if it divides the number of samples that were read. Raises
        ConfigError for a state of other data or other settings.
        """
        missing = [key for key in ("content", "settings", "epoch", "samples") if key not in state]
        if missing:
            raise ConfigError(f"this is no state of a TokenDataset: it has no '{missing[0]}'")
        if state["content"] != self._content:
            raise ConfigError(
                f"the saved state is of other data than {self.reader.prefix}; use the data that "
                "it was saved with, or start again without it"
            )
        for name, value in self._settings().items():
            if state["settings"].get(name) != value:
                raise ConfigError(
                    f"the saved state has {state['settings'].get(name)!r}, and this dataset "
                    f"{value!r}; its position is valid only for the same value",
                    field=name,
                )
        start, rest = divmod(state["samples"], self.world_size)
        if rest or start > len(self._order):
            raise ConfigError(
                f"{state['samples']:,} samples were read, which {self.world_size} ranks cannot "
                "have read equally; resume with a number of ranks that divides them",
                field="world_size",
            )
        self._progress.move(state["epoch"], start)
        self._iterated = None

    @cached_property
    def _content(self) -> str:
        return content_hash(self.reader)

    def _settings(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _SETTINGS}


def _open(path: Path, split: str | None) -> IndexedReader:
    prefixes = split_prefixes(path)
    if split is None and len(prefixes) > 1:
        raise ConfigError(f"{path} has the splits {', '.join(prefixes)}; name one", field="split")
    split = split or next(iter(prefixes))
    _check_choice("split", split, tuple(prefixes))
    return IndexedReader(prefixes[split])


def _check_choice(field: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ConfigError(
            f"'{value}' is none of {', '.join(known)}{did_you_mean(value, known)}", field=field
        )
