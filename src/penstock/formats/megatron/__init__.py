"""`megatron`: Megatron's indexed dataset, tokens in a `.bin` and their index in an `.idx`."""

from penstock.formats.megatron.dataset import MegatronDataset, MegatronFormat, split_prefixes
from penstock.formats.megatron.layout import Codes, megatron_dtype
from penstock.formats.megatron.reader import IndexedReader, pair_files, prefix_of
from penstock.formats.megatron.writer import PairWriter, merge, write_pair

__all__ = [
    "FORMAT",
    "Codes",
    "IndexedReader",
    "MegatronDataset",
    "PairWriter",
    "megatron_dtype",
    "merge",
    "pair_files",
    "prefix_of",
    "split_prefixes",
    "write_pair",
]

FORMAT = MegatronFormat
