"""The chunks of Riegeli's record files: verified and located in one pass over many of them.

Specification: https://github.com/google/riegeli/blob/master/doc/riegeli_records_file_format.md.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiled import compiled
from penstock.kernels.highwayhash import riegeli_hash
from penstock.kernels.protobuf import MALFORMED, read_varint

#: The status of a chunk.
SOUND: Final = 0
CUT_OFF: Final = 1
HEADER_HASH: Final = 2
DATA_HASH: Final = 3
UNSUPPORTED_KIND: Final = 4
INCONSISTENT: Final = 5

#: What `locate_chunks` stores per chunk: the status, the number of records, the size of all
#: records, the compression, and the begins of sizes and values and the end of the values.
FIELDS: Final = 7
_HEADER: Final = 40
_SIMPLE: Final = 0x72


@compiled
def locate_chunks(
    content: NDArray[np.uint8], bounds: NDArray[np.int64], table: NDArray[np.int64]
) -> None:
    """Verify the chunks `content[bounds[i]:bounds[i + 1]]` and fill `table` (chunks, FIELDS).

    Block headers are removed from `content`. A chunk is a header (hash of the rest of the header,
    size and hash of the data, kind and number of records, size of the records) and its data:
    compression, size of the sizes as a varint, sizes, values. Padding may follow.
    """
    for chunk in range(len(bounds) - 1):
        begin, end = bounds[chunk], bounds[chunk + 1]
        at = begin + _HEADER
        if at > end:
            table[chunk, 0] = CUT_OFF
            continue
        header = content[begin:at].view(np.uint64)
        if riegeli_hash(content[begin + 8 : at]) != header[0]:
            table[chunk, 0] = HEADER_HASH
            continue
        if header[1] > np.uint64(end - at):
            table[chunk, 0] = CUT_OFF
            continue
        end = at + np.int64(header[1])
        if riegeli_hash(content[at:end]) != header[2]:
            table[chunk, 0] = DATA_HASH
            continue
        if header[3] & np.uint64(0xFF) != np.uint64(_SIMPLE):
            table[chunk, 0] = UNSUPPORTED_KIND
            continue
        sizes_size, sizes = read_varint(content, at + 1, end)
        if sizes == MALFORMED or not 0 <= sizes_size <= end - sizes:
            table[chunk, 0] = INCONSISTENT
            continue
        table[chunk, 0] = SOUND
        table[chunk, 1] = np.int64(header[3] >> np.uint64(8))
        table[chunk, 2] = np.int64(header[4])
        table[chunk, 3] = content[at]
        table[chunk, 4] = sizes
        table[chunk, 5] = sizes + sizes_size
        table[chunk, 6] = end
