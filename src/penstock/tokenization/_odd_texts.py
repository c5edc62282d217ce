"""Texts on which tokenizers differ, if they differ anywhere."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.tokenization._base import AddedToken

_ODD = (
    "",
    " ",
    "\n",
    "Hello, world!",
    " leading and trailing ",
    # contractions, in both cases and with the typographic apostrophe
    "I'm you're he'll we've she'd it's don't I'M YOU'RE HE'LL WE'VE SHE'D IT'S DON'T o'clock",
    "I’m you’re he’ll don’t ’tis rock ’n’ roll",
    # blanks of every kind and in every number
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
    # composed and decomposed, and characters that normalisers change
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
    # words without an end
    "a" * 3_000,
    "ab" * 1_500 + "é" * 500,
    "supercalifragilisticexpialidocious" * 20,
    "日" * 800,
    "=" * 300 + "-" * 300 + "." * 300 + "\n" + "ABCdef" * 100,
    "aB" * 50 + "CamelCaseWordsAndHTTPServerXMLHttpRequest snake_case_words kebab-case-words",
    "MiXeD İstanbul ǅ ǆ Ǆ ﬃ ŉ ΐ ΣΊΣΥΦΟΣ",
    # what looks like the special tokens of this or another model
    "<|endoftext|> <|im_start|>user\n<s>[INST] <<SYS>> </s><pad><unk>[CLS][SEP][MASK]<|eot_id|>",
    "<|endoftext <|endoftext| > |endoftext|> ▁▁under ▁line <0x0A> Ġ Ċ ĉ",
)


def odd_texts(added: Sequence[AddedToken]) -> list[str]:
    """Return the odd texts, with the added tokens of a tokenizer among letters and blanks.

    Of thousands (reserved ones, mostly) the first and the last are taken.
    """
    contents = [token.content for token in (*added[:200], *added[200:][-100:])]
    return [
        *_ODD,
        "".join(contents),
        " ".join(contents),
        *("".join(f"x{space}{token}{space}y" for token in contents) for space in ("", " ", "\n")),
        *(f"{token}{token[:-1]}{token.upper()}" for token in contents[:8]),
    ]
