"""Engine selection: fastokens if its ids equal those of tokenizers, else tokenizers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from penstock.tokenization._engines import (
    AddedToken,
    Encoding,
    Engine,
    FastokensEngine,
    TokenizersEngine,
    UnsupportedTokenizerError,
)

#: Bytes (UTF-8) of the input on which the engines are compared.
SAMPLE_BYTES = 1_000_000
_CHUNK_CHARACTERS = 50_000

#: The result of `Engine.encode`: ids and offsets.
Encoded = tuple[NDArray[np.uint32], NDArray[np.uint64]]

#: Texts on which tokenizers differ if they differ anywhere.
_TEST_TEXTS = (
    "",
    " ",
    "\n",
    "Hello, world!",
    " leading and trailing ",
    # contractions, in both cases and with the typographic apostrophe
    "I'm you're he'll we've she'd it's don't I'M YOU'RE HE'LL WE'VE SHE'D IT'S DON'T o'clock",
    "I’m you’re he’ll don’t ’tis rock ’n’ roll",
    # white space of every kind and length
    "a b  c   d    e     f" + " " * 4_000 + "g",
    "\n\n\n\ta\t\t b \n \n  c\r\n\r\nd\re\v\f g\n" + "\n" * 1_000,
    "a\u00a0b\u2003c\u2009d\u200be\u3000f\u2028g\u2029h\x85i\ufeffj\u00adk\u1680l",
    "trailing blanks   \n   \n and more\t \t",
    # numbers
    "1 12 123 1234 12345 3.14159 1,000,000 1e-6 0x1F 007 " + "1234567890" * 200,
    "٣٤٥ ४५६ 一二三 ½ ² ⅷ ①②③ 𝟘𝟙𝟚",
    # punctuation and code
    "!!! ??? ... --- ___ *** ### ((())) [[]] {{}} <<>> \"'`´ ~^|\\/ @#$%&",
    "def f(x):\n\treturn {k: v**2 for k, v in x.items()}  # 100%\n\n\nif __name__ == '__main__':",
    "https://example.org/a/b?c=d&e=%20f#g user.name+tag@example.org C:\\Users\\x",
    # control characters, NUL among them
    "a\x00b\x01\x02\x1b[0m\x7f\x9fz" + "\x00" * 50,
    # composed and decomposed characters, and characters that normalizers change
    "café cafe\u0301 Å A\u030a \u212b ﬁ ﬀ ẛ̣ \u1e9b\u0323 ｆｕｌｌ ㎏ ℌ ſ İ ı ß ẞ",
    "e" + "\u0301\u0323" * 60 + " Z\u0351\u036b\u0343a\u0363\u0366l\u0367g\u030ao",
    "한국어 \u1112\u1161\u11ab 각 \u1100\u1161\u11a8",
    # scripts
    "日本語のテキスト。カタカナ、ひらがな；漢字！中文，标点。「引用」",
    "العَرَبِيَّة ١٢٣ עִבְרִית \u202eright to left\u202c فارسی‌ها",
    "हिन्दी संस्कृतम् বাংলা தமிழ் ไทยไม่มีช่องว่าง ខ្មែរ မြန်မာ བོད་ አማርኛ",
    "Ελληνικά Русский Ђорђе Հայերեն ქართული ᏣᎳᎩ ᚠᚢᚦ",
    "Tiếng Việt Çeşme naïve Œuvre Łódź ÅÄÖ åäö ÑANDÚ",
    # emoji: joined, toned, flags, keycaps
    "👩‍👩‍👧‍👦 👍🏽 🏳️‍🌈 🇩🇪🇫🇷 #️⃣ ❤️ ☺ 🧑🏿‍🚀👩🏻‍💻 😀😀😀",
    "\U0001f469\u200d x\u200d\ufe0f \u200d\u200d \ufe0f\ufe0e \U000e0067 \U0010ffff \ufffe \ufffd",
    # very long words
    "a" * 3_000,
    "ab" * 1_500 + "é" * 500,
    "supercalifragilisticexpialidocious" * 20,
    "日" * 800,
    "=" * 300 + "-" * 300 + "." * 300 + "\n" + "ABCdef" * 100,
    "aB" * 50 + "CamelCaseWordsAndHTTPServerXMLHttpRequest snake_case_words kebab-case-words",
    "MiXeD İstanbul ǅ ǆ Ǆ ﬃ ŉ ΐ ΣΊΣΥΦΟΣ",
    # text that looks like special tokens of this or another model
    "<|endoftext|> <|im_start|>user\n<s>[INST] <<SYS>> </s><pad><unk>[CLS][SEP][MASK]<|eot_id|>",
    "<|endoftext <|endoftext| > |endoftext|> ▁▁under ▁line <0x0A> Ġ Ċ ĉ",
)


def select_engine(path: Path, encoding: Encoding, sample: Iterable[str]) -> tuple[Engine, str]:
    """Return the engine for a tokenizer.json, and the reason for the choice in words.

    tokenizers encodes slowly and fastokens loads slowly, so both happen at once: one thread loads
    fastokens while the other encodes the test texts and the sample with tokenizers. Raises
    UnsupportedTokenizerError if tokenizers cannot load the file either.
    """
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        loading = pool.submit(FastokensEngine, path, encoding)
        reference = TokenizersEngine(path, encoding)
        texts = _test_texts(reference.added_tokens)
        chunks = list(chunks_of([*texts, *sample]))
        expected = list(pool.map(reference.encode, chunks))
        try:
            candidate = loading.result()
            difference = (
                vocabulary_difference(candidate, reference)
                or ids_difference(pool.map(candidate.encode, chunks), expected)
                or text_difference(candidate, reference, texts)
            )
        except UnsupportedTokenizerError as unsupported:
            return reference, str(unsupported)
        except ValueError as error:
            difference = f"{type(error).__name__} instead of ids"
    if difference is not None:
        return reference, f"fastokens differs from tokenizers: {difference}"
    size = sum(len(text.encode()) for chunk in chunks for text in chunk)
    return candidate, f"same ids as tokenizers on {size:,} bytes of test texts and input"


def first_megabyte(texts: Iterable[str]) -> list[str]:
    """Return the first SAMPLE_BYTES of consecutive texts; the last text is truncated."""
    sample = []
    left = SAMPLE_BYTES
    for text in texts:
        # Lone surrogates are handled by row, not by the choice of the engine.
        raw = text[:left].encode(errors="replace")[:left]
        sample.append(raw.decode(errors="ignore"))
        left -= len(raw)
        if left <= 0:
            break
    return sample


def chunks_of(texts: Iterable[str]) -> Iterator[list[str]]:
    """Yield consecutive texts in chunks of a size that suits one thread."""
    chunk: list[str] = []
    size = 0
    for text in texts:
        chunk.append(text)
        size += len(text)
        if size >= _CHUNK_CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def vocabulary_difference(candidate: Engine, reference: Engine) -> str | None:
    """Return how the vocabularies of two engines differ, None if they are equal."""
    if candidate.vocab_size != reference.vocab_size:
        return f"a vocabulary of {candidate.vocab_size:,}, not {reference.vocab_size:,} tokens"
    if candidate.added_tokens != reference.added_tokens:
        return "other added tokens"
    return None


def ids_difference(found: Iterable[Encoded], expected: Iterable[Encoded]) -> str | None:
    """Return the number (from 1) of the first text with other ids, in words, or None."""
    before = 0
    for (ids, offsets), (right_ids, right_offsets) in zip(found, expected, strict=True):
        if not (np.array_equal(offsets, right_offsets) and np.array_equal(ids, right_ids)):
            rows, right = np.split(ids, offsets[1:-1]), np.split(right_ids, right_offsets[1:-1])
            for number, (row, other) in enumerate(zip(rows, right, strict=True), before + 1):
                if not np.array_equal(row, other):
                    return f"other ids for text {number}"
        before += len(offsets) - 1
    return None


def text_difference(candidate: Engine, reference: Engine, texts: Sequence[str]) -> str | None:
    """Return the number of the first text whose ids two engines decode differently, or None."""
    for number, text in enumerate(texts, 1):
        ids = reference.encode([text])[0].tolist()
        if candidate.decode(ids) != reference.decode(ids):
            return f"other text from the ids of text {number}"
    return None


def _test_texts(added: Sequence[AddedToken]) -> list[str]:
    """Return the test texts, and texts with the added tokens among letters and white space.

    Of thousands of added tokens (mostly reserved ones) the first and the last are used.
    """
    contents = [token.content for token in (*added[:200], *added[200:][-100:])]
    return [
        *_TEST_TEXTS,
        "".join(contents),
        " ".join(contents),
        *("".join(f"x{space}{token}{space}y" for token in contents) for space in ("", " ", "\n")),
        *(f"{token}{token[:-1]}{token.upper()}" for token in contents[:8]),
    ]
