"""The chunks of Riegeli's record files: verified and located in one pass over many of them.

Specification: https://github.com/google/riegeli/blob/master/doc/riegeli_records_file_format.md.
Their hash is HighwayHash with 64 bits. Alakuijala, Cox, Wassenberg: Fast keyed hash/pseudo-random
function using SIMD multiply and permute (2016), https://arxiv.org/abs/1612.06257.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiled import compiled
from penstock.kernels.protobuf import MALFORMED, read_varint

#: The key of Riegeli: "Riegeli/records\\n", twice.
_KEY = np.frombuffer(b"Riegeli/records\n" * 2, "<u8").astype(np.uint64)
_MUL0 = np.array(
    [0xDBE6D5D5FE4CCE2F, 0xA4093822299F31D0, 0x13198A2E03707344, 0x243F6A8885A308D3], np.uint64
)
_MUL1 = np.array(
    [0x3BD39E10CB0EF593, 0xC0ACF169B5F18A8C, 0xBE5466CF34E90C6C, 0x452821E638D01377], np.uint64
)
_LOW_HALF = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_8, _16, _24, _48, _56 = map(np.uint64, (8, 16, 24, 48, 56))
#: Masks of the bytes of a word, from the lowest.
_B0, _B1, _B2, _B3, _B4, _B5, _B6, _B7 = (np.uint64(0xFF << 8 * byte) for byte in range(8))


@compiled
def riegeli_hash(data: NDArray[np.uint8]) -> np.uint64:
    """Return the HighwayHash of some bytes with the key of Riegeli."""
    packets = len(data) // 32
    words, rest = data[: 32 * packets].view(np.uint64), data[32 * packets :]
    state = np.empty((4, 4), np.uint64)  # v0, v1, mul0, mul1
    for lane in range(4):
        key = _KEY[lane]
        state[0, lane] = _MUL0[lane] ^ key
        state[1, lane] = _MUL1[lane] ^ (key >> _HALF | key << _HALF)
        state[2, lane] = _MUL0[lane]
        state[3, lane] = _MUL1[lane]
    for at in range(0, len(words), 4):
        _update(state, words[at], words[at + 1], words[at + 2], words[at + 3])
    if len(rest):
        _update_rest(state, rest)
    for _ in range(4):
        v0 = state[0]
        _update(state, _swap(v0[2]), _swap(v0[3]), _swap(v0[0]), _swap(v0[1]))
    return np.uint64(state[0, 0] + state[1, 0] + state[2, 0] + state[3, 0])


@compiled
def _swap(word: np.uint64) -> np.uint64:
    return word >> _HALF | word << _HALF


@compiled
def _update(
    state: NDArray[np.uint64], a: np.uint64, b: np.uint64, c: np.uint64, d: np.uint64
) -> None:
    """Add a packet of 32 bytes, given as four words, to the state."""
    v0, v1, mul0, mul1 = state[0], state[1], state[2], state[3]
    v1[0] += a
    v1[1] += b
    v1[2] += c
    v1[3] += d
    for lane in range(4):
        v1[lane] += mul0[lane]
        mul0[lane] ^= (v1[lane] & _LOW_HALF) * (v0[lane] >> _HALF)
        v0[lane] += mul1[lane]
        mul1[lane] ^= (v0[lane] & _LOW_HALF) * (v1[lane] >> _HALF)
    for lane in (0, 2):
        v0[lane] += _zip_even(v1[lane], v1[lane + 1])
        v0[lane + 1] += _zip_odd(v1[lane], v1[lane + 1])
    for lane in (0, 2):
        v1[lane] += _zip_even(v0[lane], v0[lane + 1])
        v1[lane + 1] += _zip_odd(v0[lane], v0[lane + 1])


@compiled
def _zip_even(even: np.uint64, odd: np.uint64) -> np.uint64:
    """Return the bytes 3 12 2 5 14 1 15 0 of the pair, from the lowest."""
    return (
        (even & _B3 | odd & _B4) >> _24
        | even & _B2
        | (even & _B5 | odd & _B6) >> _16
        | (even & _B1) << _HALF
        | (odd & _B7) >> _8
        | even << _56
    )


@compiled
def _zip_odd(even: np.uint64, odd: np.uint64) -> np.uint64:
    """Return the bytes 11 4 10 13 9 6 8 7 of the pair, from the lowest."""
    return (
        (odd & _B3 | even & _B4) >> _24
        | odd & _B2
        | (odd & _B5) >> _16
        | (odd & _B1) << _24
        | (even & _B6) >> _8
        | (odd & _B0) << _48
        | even & _B7
    )


@compiled
def _update_rest(state: NDArray[np.uint64], rest: NDArray[np.uint8]) -> None:
    """Add the last 1 to 31 bytes and their number."""
    size = len(rest)
    loose = size % 4
    turn, back = np.uint64(size), np.uint64(32 - size)
    for lane in range(4):
        state[0, lane] += np.uint64(size) << _HALF | np.uint64(size)
        low, high = state[1, lane] & _LOW_HALF, state[1, lane] >> _HALF
        low = (low << turn | low >> back) & _LOW_HALF
        high = (high << turn | high >> back) & _LOW_HALF
        state[1, lane] = high << _HALF | low
    packet = np.zeros(32, np.uint8)
    packet[: size - loose] = rest[: size - loose]
    if size & 16:
        packet[28:] = rest[size - 4 :]
    elif loose:
        tail = rest[size - loose :]
        packet[16] = tail[0]
        packet[17] = tail[loose >> 1]
        packet[18] = tail[loose - 1]
    words = packet.view(np.uint64)
    _update(state, words[0], words[1], words[2], words[3])


#: The status of a chunk.
SOUND: Final = 0
CUT_OFF: Final = 1
HEADER_HASH: Final = 2
DATA_HASH: Final = 3
UNSUPPORTED_KIND: Final = 4
INCONSISTENT: Final = 5

#: What `locate_chunks` stores per chunk: the status, the number of records, the size of all
#: records, the compression, the starts of sizes and values, and the end of the values.
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
