"""Redaction masks every secret, and keeps what only resembles one."""

from __future__ import annotations

import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.redaction import (
    MASK,
    environment_secrets,
    holds_secret,
    is_secret_name,
    looks_secret,
    redact,
    redact_text,
    secret_variable,
)

WORD = string.ascii_letters + string.digits
URL_SAFE = WORD + "-_"


def keys(prefix: str, alphabet: str, least: int) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=least, max_size=least + 30).map(lambda rest: prefix + rest)


KEYS = st.one_of(
    keys("hf_", WORD, 20),
    keys("sk-", WORD, 16),
    keys("sk-proj-", URL_SAFE, 40),
    keys("sk-ant-api03-", URL_SAFE, 40),
    keys("ghp_", WORD, 36),
    keys("github_pat_", WORD + "_", 40),
    keys("glpat-", URL_SAFE, 20),
    keys("AKIA", string.ascii_uppercase + string.digits, 16).map(lambda key: key[:20]),
    keys("AIza", URL_SAFE, 35),
    keys("xoxb-", WORD + "-", 20),
    keys("gsk_", WORD, 40),
    keys("nvapi-", URL_SAFE, 40),
)
#: Values without a known form; the first letter keeps them from being numbers.
PLAIN = st.text(URL_SAFE + "./+", min_size=7, max_size=40).map(lambda rest: "x" + rest)
NAMES = st.sampled_from(
    (
        *("HF_TOKEN", "hub-token", "api_key", "apiKey", "OPENAI_API_KEY_2", "private_key"),
        *("AWS_SECRET_ACCESS_KEY", "db.password", "PGPASSWORD", "passwd", "MYSQL_PWD"),
        *("clientSecret", "passphrase", "credentials", "authorization"),
    )
)
ASSIGNMENTS = st.sampled_from(
    (
        *("{n}={v}", "export {n}='{v}' ", "{n}: {v}", "--{n} {v}", "--{n}={v}", "f({n}={v})"),
        *('{{"{n}": "{v}", "lr": 1}}', "{{'{n}': '{v}'}}", '"{{"{n}": "{v}"}}"'),
        *("https://host/?a=1&{n}={v}&b=2", "({n}={v}, lr=1e-6)"),
    )
)
SURROUNDINGS = st.sampled_from(
    [
        "{}",
        "error: {} was refused",
        '"{}"',
        "({})",
        "a={};b",
        "\t{}\n",
        "\\n{}\\n",
        "x\n{}\ny",
        "/{}/",
    ]
)


@given(KEYS, SURROUNDINGS)
def test_a_key_of_known_form_is_masked_anywhere(key: str, around: str) -> None:
    text = around.format(key)
    assert looks_secret(text)
    assert key not in redact_text(text, ())
    assert redact_text(text, ()) == redact_text(redact_text(text, ()), ())


@given(NAMES, PLAIN, ASSIGNMENTS)
def test_the_value_under_a_secret_name_is_masked_in_text(name: str, value: str, form: str) -> None:
    text = redact_text(form.format(n=name, v=value), ())
    assert value not in text
    assert MASK in text
    assert name in text
    assert redact_text(text, ()) == text


@given(PLAIN, PLAIN, st.sampled_from(["https", "postgresql+psycopg", "s3", "git+https"]))
def test_the_password_in_a_url_is_masked_and_the_host_stays(
    user: str, password: str, scheme: str
) -> None:
    user, password = user.replace("/", ""), password.replace("/", "")
    text = redact_text(f"cloning {scheme}://{user}:{password}@host:80/path", ())
    assert password not in text
    assert text == f"cloning {scheme}://{MASK}@host:80/path"


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        (
            "https://b.s3.amazonaws.com/x.jsonl?X-Amz-Credential=me%2F2026&X-Amz-Signature=ab12&v=1",
            f"https://b.s3.amazonaws.com/x.jsonl?X-Amz-Credential={MASK}&X-Amz-Signature={MASK}&v=1",
        ),
        ("https://a.net/x?sv=2022&sig=Zm9v%3D#p", f"https://a.net/x?sv=2022&sig={MASK}#p"),
        ("https://a.net/x?X-Goog-Signature=0a1b", f"https://a.net/x?X-Goog-Signature={MASK}"),
        ("https://a.net/x?Expires=9&Signature=a~b-", f"https://a.net/x?Expires=9&Signature={MASK}"),
        ("x?X-Amz-Security-Token=IQoJ+/x&a=1", f"x?X-Amz-Security-Token={MASK}&a=1"),
    ],
)
def test_signatures_in_urls_are_masked(url: str, masked: str) -> None:
    assert redact_text(f"reading {url} now", ()) == f"reading {masked} now"
    assert redact({"path": url, "inputs": [{"path": url}]}, ()) == {
        "path": masked,
        "inputs": [{"path": masked}],
    }
    assert redact_text(masked, ()) == masked


def nested(leaf: Any) -> st.SearchStrategy[Any]:
    """Structures with `leaf` somewhere deep in them."""
    return st.recursive(
        st.just(leaf),
        lambda inner: st.one_of(
            st.tuples(st.integers(), inner).map(list),
            st.tuples(inner, st.none()),
            st.dictionaries(st.sampled_from(["note", "data", "1"]), inner, min_size=1),
        ),
    )


@given(st.data())
def test_no_secret_is_left_anywhere_in_a_structure(data: st.DataObject) -> None:
    key, name, value = data.draw(KEYS), data.draw(NAMES), data.draw(PLAIN)
    leaf = data.draw(
        st.sampled_from(
            [
                {"text": f"used {key}."},
                {key: 1},
                {name: value},
                {name: [value, {"inner": 1}]},
                {"credentials": {"any": [value]}},
                ["--lr", "1e-6", f"--{name}", value],
                [f"--{name}={value}"],
                {"log": f"{name}={value}\n{key}"},
            ]
        )
    )
    redacted = json.dumps(redact(data.draw(nested(leaf)), ()))
    assert key not in redacted
    assert value not in redacted


@given(PLAIN, NAMES.filter(lambda name: name != "MYSQL_PWD"), SURROUNDINGS)
def test_the_values_of_secret_environment_variables_are_masked(
    value: str, name: str, around: str
) -> None:
    secrets = environment_secrets({name: value, "HOME": "/home/someone", "PWD": "/home/someone/a"})
    assert secrets == (value,)
    assert value not in redact_text(around.format(value), secrets)
    assert value not in json.dumps(redact({"command": ["train", f"x{value}y"]}, secrets))


def test_the_longer_of_two_overlapping_environment_values_is_masked() -> None:
    secrets = environment_secrets({"A_TOKEN": "abcdefgh", "B_TOKEN": "abcdefghijkl"})
    assert redact_text("abcdefghijkl", secrets) == MASK


def test_each_line_of_an_environment_value_is_a_secret_and_short_ones_are_not() -> None:
    secrets = environment_secrets({"DEPLOY_KEY": "first-line-x\nsecond-line\n", "A_TOKEN": "short"})
    assert secrets == ("first-line-x", "second-line")


def test_the_environment_of_the_process_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_PASSWORD", "correct horse")
    assert redact_text("it said correct horse!") == f"it said {MASK}!"
    assert redact(["correct horse", ("correct horse",)]) == [MASK, [MASK]]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_tokens", 512),
        ("max_token", "512"),
        ("tokens_per_second", 1234.5),
        ("tokens", "a list of words"),
        ("additional_special_tokens", ["<|im_start|>", "<|im_end|>"]),
        ("eos_token", "<|endoftext|>"),
        ("eos_token", "</s>"),
        ("bos_token", "<|begin_of_text|>"),
        ("pad_token", "[PAD]"),
        ("unk_token", "<unk>"),
        ("mask_token", "long_mask_token"),
        ("image_token", "<image_placeholder>"),
        ("stop_token", "###"),
        ("sort_key", "evaluation_score"),
        ("text_key", "notes"),
        ("key", "learning_rate"),
        ("use_auth_token", True),
        ("hub_token", None),
        ("token", ""),
        ("tokenizer", "HuggingFaceTB/SmolLM2-135M"),
        ("secretary", "someone"),
        ("keyboard", "qwerty"),
        ("key", "1f3b05e8a2c94d7f6b0e1d2c3b4a5968778695a4"),
        ("learning_rate", 1e-6),
        ("public_key_file", "/home/someone/.ssh/id_rsa.pub"),
    ],
)
def test_names_that_only_resemble_secret_names_are_kept(name: str, value: object) -> None:
    assert not holds_secret(name, value)
    assert redact({name: value}, ()) == {name: value}
    text = f"{name}: {value} {name}={value}"
    assert redact_text(text, ()) == text


@pytest.mark.parametrize(
    "text",
    [
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "commit: 1f3b05e8a2c94d7f6b0e1d2c3b4a5968778695a4",
        "/data/sk-learn-experiments-2024-a/part-00001",
        "task-0123456789abcdef0123456789abcdef",
        "/home/someone/.cache/huggingface/token",
        "https://huggingface.co/HuggingFaceTB/SmolLM2-135M:main",
        "git@github.com:org/name.git ssh://git@github.com/org/name",
        "http://localhost:8080/a mail someone@example.org",
        "step 10 loss 0.69 tokens/s: 12345678 per_token=0.00012345",
        "Copa_zo_original_1e-6/20240131_235959",
        "https://host/x?design=1&signature_size=2&assig=3 sig=4 Signature=5",
        "the key idea: tokens are words; a secret garden",
        "<|system|> token by token, then stop",
        f"hf_token: {MASK} and password='{MASK}'",
    ],
)
def test_ordinary_text_is_kept(text: str) -> None:
    assert redact_text(text, ()) == text
    assert redact([text], ()) == [text]


@given(
    st.binary(min_size=32, max_size=32), st.sampled_from(["sha256", "commit", "key", "shard_key"])
)
def test_hashes_and_commits_are_kept(digest: bytes, name: str) -> None:
    for text in (digest.hex(), digest.hex()[:40], digest.hex()[:16], f"sha256:{digest.hex()}"):
        assert redact({name: text, "text": f"{name}={text}"}, ()) == {
            name: text,
            "text": f"{name}={text}",
        }


def test_a_tokenizer_and_its_counts_are_kept() -> None:
    tokenizer = {
        "name": "gpt2",
        "sha256": "sha256:" + "0a" * 32,
        "vocab_size": 50257,
        "special_tokens": {"eos_token": "</s>", "pad_token": "<pad_of_this>", "cls_token": "[CLS]"},
        "max_tokens": 1024,
        "ratio": 0.5,
        "split": None,
        "fast": True,
    }
    assert redact(tokenizer, ()) == tokenizer


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        *((name, True) for name in ("HF_TOKEN", "token", "api-key", "apiKey", "OPENAI_API_KEY_1")),
        *((name, True) for name in ("secret", "client.secret", "db_password", "--hub-token")),
        *((name, False) for name in ("max_token", "eos_token", "sep_token", "tokens", "key")),
        *((name, False) for name in ("sort_key", "HF_TOKEN_PATH", "PWD", "OLDPWD", "monkey")),
    ],
)
def test_secret_names(name: str, secret: bool) -> None:
    assert is_secret_name(name) is secret


@pytest.mark.parametrize(
    ("name", "value", "variable"),
    [
        ("model", "hf_" + "a" * 30, "HF_TOKEN"),
        ("api_key", "sk-" + "a1" * 20, "OPENAI_API_KEY"),
        ("judge-api-key", "x", "JUDGE_API_KEY"),
        ("apiKey", "x", "API_KEY"),
        ("proxy", "http://me:x@host", "PROXY_PASSWORD"),
        ("", "http://me:x@host", "SECRET_PASSWORD"),
    ],
)
def test_the_environment_variable_of_a_secret(name: str, value: str, variable: str) -> None:
    assert secret_variable(name, value) == variable


@pytest.mark.parametrize(
    "part", ["a", "-", "a.", "token", "key=", '"token": ', "http://", "sk-", "?sig=&"]
)
def test_long_text_is_redacted_in_linear_time(part: str) -> None:
    """A pattern with backtracking would not terminate here."""
    assert len(redact_text(part * 100_000, ())) >= 100_000
