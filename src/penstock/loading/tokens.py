"""`TokenDataset`: windows over a pair of `.bin` and `.idx`, for any training loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from penstock.errors import ConfigError, DataError, did_you_mean
from penstock.files import plural
from penstock.formats.megatron import IndexedReader, split_prefixes
from penstock.loading.identity import content_of, fingerprint
from penstock.loading.order import EpochOrder, place_among_ranks
from penstock.loading.progress import Progress
from penstock.loading.samples import Sample, SampleReader
from penstock.loading.windows import ConcatWindows, Cut, DocumentWindows, Windows

#: What changes the samples or their order: a saved position counts only where these are the same.
_SETTINGS = ("seq_length", "mode", "shifted", "last", "shuffle", "seed")

Mode = Literal["concat", "document"]
Last = Literal["pad", "drop"]


class TokenDataset:
    """Samples of `seq_length` tokens from a Megatron indexed dataset, in a fixed order.

    A sample is a dict of int64 arrays: `input_ids` and `labels`, in document mode `attention_mask`
    too. Labels are the inputs unshifted, as models of transformers take them; `shifted=True` gives
    each place the token after it. Labels of padding, and of a last token that nothing follows, are
    -100.

    The dataset does the order itself, the same in every framework: give it to a loader that goes
    through it in sequence (`DataLoader(dataset, shuffle=False)`).

    * `path`: a dataset's directory, a prefix, either file of a pair, or an open `IndexedReader`;
      `split` names one of several.
    * `mode`: `concat` cuts all tokens into windows, across documents; `document` cuts each document
      by itself (the index is then read through once, when the dataset is made).
    * `last`: `pad` fills a last window up with `pad_id`, `drop` leaves it out; `padding` and
      `dropped` say how many places and tokens that makes.
    * `shuffle`: another order in each epoch, which `seed` decides; see `set_epoch`.
    * `rank`, `world_size`: rank r has the places r, r + world_size, ... of the order. All ranks get
      the same number; what does not divide (`remainder`) is left out until the next epoch, and
      nothing is given twice. Where the environment says that there are several ranks, they must be
      given; `world_size=1` where the trainer shares the batches out itself (HF Trainer).
    * `vocab_size`: refuse every id that is not below it.

    Raises ConfigError for settings that cannot be followed, DataError for data that cannot be read
    or hold no sample.
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
        _refuse_unknown("mode", mode, get_args(Mode))
        _refuse_unknown("last", last, get_args(Last))
        if seq_length < 1:
            raise ConfigError(f"must be at least 1, not {seq_length}", field="seq_length")
        if vocab_size is not None and not 0 <= pad_id < vocab_size:
            raise ConfigError(f"{pad_id} is not below vocab_size, {vocab_size:,}", field="pad_id")
        self.rank, self.world_size = place_among_ranks(rank, world_size)
        self.reader = path if isinstance(path, IndexedReader) else _open(Path(path), split)
        self.seq_length, self.mode, self.shifted, self.last = seq_length, mode, shifted, last
        self.shuffle, self.seed, self.pad_id, self.vocab_size = shuffle, seed, pad_id, vocab_size
        cut = Cut(seq_length, shifted, padded=last == "pad")
        self._windows = self._cut(cut)
        self._samples = SampleReader(
            self.reader,
            self._windows,
            cut,
            pad_id,
            masked=mode == "document",
            vocab_size=vocab_size,
        )
        self._order = EpochOrder(
            self.samples, seed if shuffle else None, self.rank, self.world_size
        )
        self._progress = Progress()
        self._taken: int | None = None
        #: True once a loader has read: only it knows how far.
        self._indexed = False
        self._content: str | None = None

    def _cut(self, cut: Cut) -> Windows:
        """Return the windows over the data; raises DataError for data that give none."""
        reader = self.reader
        reader.require_ids()
        windows = (ConcatWindows if self.mode == "concat" else DocumentWindows)(reader, cut)
        if windows.count < self.world_size:
            raise DataError(
                f"{plural(reader.tokens, 'token')} give {plural(windows.count, 'sample')} of "
                f"{self.seq_length:,}, not one for each of {plural(self.world_size, 'rank')}; "
                "take a shorter seq_length or more data",
                file=reader.bin_path,
            )
        return windows

    @property
    def samples(self) -> int:
        """The number of samples of all ranks in an epoch, `remainder` included."""
        return self._windows.count

    @property
    def remainder(self) -> int:
        """The number of samples that no rank gets in an epoch, so that all get as many."""
        return self.samples % self.world_size

    @property
    def tokens(self) -> int:
        """The number of tokens of the data."""
        return self.reader.tokens

    @property
    def padding(self) -> int:
        """The number of places that hold no token, in the samples of all ranks."""
        return self._windows.padding

    @property
    def dropped(self) -> int:
        """The number of tokens that stand in no sample."""
        return self._windows.dropped

    @property
    def epoch(self) -> int:
        """The epoch whose order is given."""
        return self._progress.epoch

    def __len__(self) -> int:
        """The number of samples of this rank in an epoch, less those that a resumed one has had."""
        return len(self._order) - self._progress.start

    def __getitem__(self, index: int) -> Sample:
        length = len(self)
        if not -length <= index < length:
            raise IndexError(f"{index} is not one of {length:,} samples")
        return {name: column[0] for name, column in self.batch((index % length,)).items()}

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        """Return the samples at some indices; torch's loader asks for a batch so."""
        self._indexed = True
        batch = self.batch(indices)
        return [dict(zip(batch, row, strict=True)) for row in zip(*batch.values(), strict=True)]

    def __iter__(self) -> Iterator[Sample]:
        start = self._progress.start
        for index in range(len(self)):
            self._taken = start + index + 1
            yield self[index]

    def batch(self, indices: Sequence[int] | NDArray[np.int64]) -> Sample:
        """Return the samples at some indices as arrays of shape (samples, seq_length).

        Raises IndexError for an index below 0 or past the end.
        """
        places = np.asarray(indices, np.int64)
        if places.size and (places.min() < 0 or places.max() >= len(self)):
            raise IndexError(f"the indices are not all from 0 to before {len(self):,}")
        return self._samples.read(self._order.at(self.epoch, places + self._progress.start))

    def set_epoch(self, epoch: int) -> None:
        """Give the order of this epoch, from its beginning where it is not the present one.

        Workers of a loader take it over, even those that outlive an epoch.
        """
        if epoch != self.epoch:
            self._progress.move(epoch, 0)
            self._taken = None

    def fingerprint(self, samples: int) -> str:
        """Return the fingerprint of the next `samples` samples: of the first batch of this rank."""
        return fingerprint(self.batch(range(samples)))

    def state_dict(self, taken: int | None = None) -> dict[str, Any]:
        """Return where the dataset stands, to be saved with a model; plain numbers and text.

        `taken` is how many samples this rank has had in this epoch. Without it, those that were
        had by iterating over the dataset itself count; a loader keeps its own count, say batches
        times batch size. Raises ConfigError where a loader has read and `taken` is not given.
        """
        if taken is None and self._indexed:
            raise ConfigError(
                "samples were read by their index, as a loader does, so that only it knows how "
                "many were had; say it: state_dict(taken=batches * batch_size)"
            )
        if taken is None:
            taken = self._progress.start if self._taken is None else self._taken
        return {
            "content": self._content_hash(),
            "settings": self._settings(),
            "epoch": self.epoch,
            "samples": taken * self.world_size,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was saved: the dataset then begins with the next sample.

        The number of ranks may have changed where it divides the samples that were had. Raises
        ConfigError for a state of other data or other settings.
        """
        absent = [key for key in ("content", "settings", "epoch", "samples") if key not in state]
        if absent:
            raise ConfigError(f"is no state of a TokenDataset: it has no '{absent[0]}'")
        if state["content"] != self._content_hash():
            raise ConfigError(
                f"the saved state is of other data than {self.reader.prefix}; give the data that "
                "it was saved with, or begin anew"
            )
        for name, value in self._settings().items():
            if state["settings"].get(name) != value:
                raise ConfigError(
                    f"the saved state has {state['settings'].get(name)!r}, and this dataset "
                    f"{value!r}; its position counts only for the same",
                    field=name,
                )
        start, odd = divmod(state["samples"], self.world_size)
        if odd or start > len(self._order):
            raise ConfigError(
                f"{state['samples']:,} samples were had, which {self.world_size} ranks cannot have "
                "had alike; resume with a number of ranks that divides them",
                field="world_size",
            )
        self._progress.move(state["epoch"], start)
        self._taken = None

    def _content_hash(self) -> str:
        if self._content is None:
            self._content = content_of(self.reader)
        return self._content

    def _settings(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _SETTINGS}


def _open(path: Path, split: str | None) -> IndexedReader:
    """Open the pair that a path, and the name of a split where there are several, stand for."""
    prefixes = split_prefixes(path)
    if split is None and len(prefixes) > 1:
        raise ConfigError(f"{path} has the splits {', '.join(prefixes)}; name one", field="split")
    split = split or next(iter(prefixes))
    _refuse_unknown("split", split, tuple(prefixes))
    return IndexedReader(prefixes[split])


def _refuse_unknown(field: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ConfigError(
            f"'{value}' is none of {', '.join(known)}{did_you_mean(value, known)}", field=field
        )
