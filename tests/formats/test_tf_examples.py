"""tf.train.Example without TensorFlow: encoding, and reading every legal encoding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.formats._examples import ExampleError, ExampleReader, encode_examples

int32s = st.integers(0, 2**31 - 1)
int64s = st.integers(-(2**63), 2**63 - 1)


def varint(value: int) -> bytes:
    value &= 2**64 - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def message(number: int, content: bytes) -> bytes:
    """Return a length-delimited field."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def packed(values: list[int]) -> bytes:
    return message(3, message(1, b"".join(map(varint, values))))


def entry(name: str, feature: bytes) -> bytes:
    return message(1, message(1, name.encode()) + message(2, feature))


def example(*entries: bytes) -> bytes:
    return message(1, b"".join(entries))


def read(record: bytes, *names: str) -> dict[str, list[int]]:
    return {name: found.tolist() for name, found in ExampleReader(names).read(record).items()}


@given(
    st.integers(1, 5),
    st.lists(st.text(min_size=1, max_size=300), min_size=1, max_size=3, unique=True),
    st.integers(1, 12),
    st.data(),
)
def test_rows_are_encoded_as_protobuf_specifies(
    rows: int, names: list[str], length: int, data: st.DataObject
) -> None:
    row = st.lists(int32s, min_size=length, max_size=length)
    columns = {
        name: np.array(data.draw(st.lists(row, min_size=rows, max_size=rows)), np.int32)
        for name in names
    }
    buffer, starts, stops = encode_examples(columns, before=3, after=2)
    for number in range(rows):
        entries = [entry(name, packed(columns[name][number].tolist())) for name in sorted(columns)]
        assert buffer[starts[number] : stops[number]].tobytes() == example(*entries)
    assert (starts[0], stops[-1]) == (3, len(buffer) - 2)
    assert (starts[1:] - stops[:-1] == 5).all()


@pytest.mark.parametrize("edge", [0, 1, 7, 14, 21, 28, 31])
def test_values_at_the_limits_of_a_size_round_trip(edge: int) -> None:
    values = [value for value in (2**edge - 1, 2**edge, 0) if value < 2**31] * 5
    buffer, _, _ = encode_examples({"a": np.array([values], np.int32)})
    assert read(buffer.tobytes(), "a") == {"a": values}


@given(st.lists(int64s))
def test_integers_of_64_bits_are_read_packed_and_unpacked_and_mixed(values: list[int]) -> None:
    unpacked = message(3, b"".join(b"\x08" + varint(value) for value in values))
    mixed = message(3, message(1, b"".join(map(varint, values))) + b"\x08\x05")
    record = example(entry("a", packed(values)), entry("b", unpacked), entry("c", mixed))
    assert read(record, "a", "b", "c") == {"a": values, "b": values, "c": [*values, 5]}


def test_the_order_of_fields_does_not_matter() -> None:
    turned = message(1, message(2, packed([1, 2])) + message(1, b"a"))
    assert read(example(entry("b", packed([3])), turned), "a", "b") == {"a": [1, 2], "b": [3]}


def test_unknown_fields_of_every_wire_type_are_skipped() -> None:
    unknown = b"\x78\x05" + b"\x7d" + b"1234" + b"\x79" + b"12345678" + message(15, b"more")
    inner = message(1, unknown + message(1, b"a") + unknown + message(2, unknown + packed([7])))
    assert read(unknown + message(1, unknown + inner) + unknown, "a") == {"a": [7]}


def test_last_entry_of_a_name_wins_and_split_messages_are_joined() -> None:
    assert read(example(entry("a", packed([1])), entry("a", packed([2]))), "a") == {"a": [2]}
    apart = example(entry("a", packed([1]))) + example(entry("b", packed([2])))
    assert read(apart, "a", "b") == {"a": [1], "b": [2]}
    twice = entry("a", packed([1]) + packed([2]))
    assert read(example(twice), "a") == {"a": [1, 2]}


UNKNOWN = [b"\x78\x05", b"\x7d1234", b"\x7912345678", message(15, b"more")]
values = st.lists(int64s, max_size=5)
unknown = st.sampled_from(UNKNOWN)


@st.composite
def lists(draw: st.DrawFn) -> tuple[list[int], bytes]:
    """Return values, and an Int64List of them: packed and unpacked parts, unknown fields."""
    content, expected = b"", []
    for part in draw(st.lists(values, max_size=3)):
        expected += part
        encoded = b"".join(map(varint, part))
        one_by_one = b"".join(b"\x08" + varint(value) for value in part)
        content += draw(st.sampled_from([message(1, encoded), one_by_one]))
        content += draw(unknown | st.just(b""))
    return expected, message(3, content)


@st.composite
def entries(draw: st.DrawFn) -> tuple[str, list[int], bytes]:
    """Return a name, values and an entry: its fields in any order, repeated or unknown."""
    name = draw(st.sampled_from(["a", "ab", "b", ""]))
    key, expected = message(1, name.encode()), []
    fields = []
    for items, encoded in draw(st.lists(lists(), max_size=3)):
        expected += items
        fields.append(message(2, encoded))
    fields = [*fields, *draw(st.lists(unknown, max_size=2))]
    position = draw(st.integers(0, len(fields)))
    return name, expected, message(1, b"".join([*fields[:position], key, *fields[position:]]))


@given(st.lists(entries(), max_size=6), st.data())
def test_repeated_reordered_and_unknown_fields_are_read(
    drawn: list[tuple[str, list[int], bytes]], data: st.DataObject
) -> None:
    expected = {name: items for name, items, _ in drawn}
    parts = [encoded for _, _, encoded in drawn]
    cut = data.draw(st.integers(0, len(parts)))
    record = data.draw(unknown) + example(*parts[:cut]) + data.draw(unknown) + example(*parts[cut:])
    names = data.draw(st.permutations(sorted(expected)))
    assert read(record, *names) == {name: expected[name] for name in names}


def test_a_list_of_another_kind_replaces_the_integers_and_vice_versa() -> None:
    floats = message(2, message(1, b"1234"))
    assert read(example(entry("a", packed([1]) + floats + packed([2]))), "a") == {"a": [2]}
    with pytest.raises(ExampleError, match="has no integers in the column 'a'"):
        read(example(entry("a", packed([1]) + floats)), "a")


def test_an_empty_feature_has_no_values() -> None:
    assert read(example(entry("a", b"")), "a") == {"a": []}


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (b"", "has no column 'a'"),
        (example(entry("b", packed([1]))), "has no column 'a'"),
        (example(entry("ab", packed([1]))), "has no column 'a'"),
        (example(entry("a", message(1, message(1, b"text")))), "has no integers in the column 'a'"),
        (example(entry("a", message(2, message(1, b"1234")))), "has no integers in the column 'a'"),
        (example(entry("a", packed([300])))[:-1], "is not a tf.train.Example"),
        (example(entry("a", message(3, message(1, b"\x80")))), "is not a tf.train.Example"),
        (example(entry("a", message(3, message(1, b"\xff" * 11)))), "is not a tf.train.Example"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "is not a tf.train.Example"),
        (b"\x00\x00", "is not a tf.train.Example"),
        (b"\x0b\x0c", "is not a tf.train.Example"),
    ],
)
def test_invalid_examples_are_refused(record: bytes, problem: str) -> None:
    with pytest.raises(ExampleError, match=problem):
        read(record, "a")


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(record: bytes) -> None:
    try:
        found = read(record, "a")
    except ExampleError:
        return
    assert set(found) == {"a"}


@given(st.lists(int32s, max_size=5), st.data())
def test_a_changed_example_is_read_or_refused(values: list[int], data: st.DataObject) -> None:
    record = bytearray(example(entry("a", packed(values)), entry("b", packed(values))))
    for _ in range(data.draw(st.integers(1, 4))):
        record[data.draw(st.integers(0, len(record) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read(bytes(record), "a", "b")
    except ExampleError:
        return
    assert all(len(column) <= len(record) for column in found.values())
