"""YAML 1.2 values, errors with file, line, column and caret, and secrets that are refused."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from penstock.config import Document, apply_overrides, parse_yaml, read_yaml
from penstock.errors import ConfigError

SECRET = "Zx9mQ4rT7bLw2KpV8nYs"


def message(text: str) -> str:
    """Return the text of the error that a YAML text raises."""
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, "copa.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-6", 1e-6),
        ("1E5", 1e5),
        (".5", 0.5),
        ("1.", 1.0),
        ("-1.5e+3", -1500.0),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("012", 12),
        ("-7", -7),
        ("+7", 7),
        ("0o17", 15),
        ("0x1F", 31),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
    ],
)
def test_plain_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    read = parse_yaml(f"key: {text}").data["key"]
    assert (type(read), read) == (type(value), value)


def test_nan_is_a_number() -> None:
    assert math.isnan(parse_yaml("key: .nan").data["key"])


@pytest.mark.parametrize(
    "text",
    [
        *("no", "yes", "on", "off", "y", "None", "inf", "+.nan", "=", "13-2", "v1.0.0", "1e"),
        *("2024-01-31", "12:30:45", "1_000", "0b101", "0O17"),
    ],
)
def test_special_scalars_of_yaml_1_1_are_text(text: str) -> None:
    assert parse_yaml(f"key: {text}").data == {"key": text}


@pytest.mark.parametrize("text", ["'1e-6'", '"1e-6"', "!!str 1e-6"])
def test_a_number_in_quotes_is_text(text: str) -> None:
    assert parse_yaml(f"key: {text}").data == {"key": "1e-6"}


@pytest.mark.parametrize(
    "content",
    [
        b"a: 1\nb: [x, y]\n",
        b"a: 1\r\nb: [x, y]\r\n",
        b"\xef\xbb\xbfa: 1\nb: [x, y]\n",
        b"---\na: 1 # one\nb:\n- x\n- y\n...\n",
        b'{"a": 1, "b": ["x", "y"]}',
    ],
    ids=["lf", "crlf", "bom", "block", "json"],
)
def test_encoding_and_style_of_a_file_do_not_matter(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    assert read_yaml(path).data == {"a": 1, "b": ["x", "y"]}


def test_anchors_and_merge_keys_are_followed() -> None:
    document = parse_yaml(
        "base: &base {steps: 10, seed: 1}\n"
        "other: &other {rate: 1e-3}\n"
        "one: {<<: *base, seed: 2}\n"
        "two:\n  <<: [*base, *other]\n"
        "same: *base\n"
    )
    assert document.data["one"] == {"steps": 10, "seed": 2}
    assert document.data["two"] == {"steps": 10, "seed": 1, "rate": 1e-3}
    assert document.data["same"] == document.data["base"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty; it must contain a mapping"),
        (b"# only words\n", "the file is empty; it must contain a mapping"),
        (b"- a\n- b\n", "1:1: must be a mapping of keys to values"),
        (b"just words\n", "1:1: must be a mapping of keys to values"),
        (b"a: caf\xe9\n", "not UTF-8 (byte 6); save it as UTF-8"),
        ("a: 1\n".encode("utf-16"), "not UTF-8 (byte 0); save it as UTF-8"),
        (b"a: 1\nb: \x00\x01\n", "2:4: not YAML: character #x0000 is not allowed"),
        (b"a: 1\n--- \nb: 2\n", "2:1: expected a single document"),
    ],
    ids=["empty", "comment", "list", "text", "latin-1", "utf-16", "binary", "two documents"],
)
def test_a_file_without_a_mapping_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_yaml(path)
    assert str(caught.value).startswith(f"{path}:")
    assert words in str(caught.value)


def test_a_missing_file_and_a_directory_are_named(tmp_path: Path) -> None:
    (tmp_path / "copa.yaml").write_text("a: 1")
    with pytest.raises(ConfigError, match=r"cpoa\.yaml: there is no such file; did you mean 'copa"):
        read_yaml(tmp_path / "cpoa.yaml")
    with pytest.raises(ConfigError, match=r"none/a\.yaml: there is no such file$"):
        read_yaml(tmp_path / "none" / "a.yaml")
    with pytest.raises(ConfigError, match="is a directory; name the YAML file in it"):
        read_yaml(tmp_path)


def test_a_value_that_refers_to_itself_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"<text>:2:7: list\.1: refers to itself"):
        parse_yaml("a: 1\nlist: &l [1, *l]\n")


def test_aliases_of_aliases_are_read_once() -> None:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    assert parse_yaml("\n".join(lines)).data["a59"][0][1][0][1] is not None


def test_very_deep_nesting_is_refused() -> None:
    with pytest.raises(ConfigError, match="nested too deeply"):
        parse_yaml(f"a: {'[' * 5000}{']' * 5000}")


def test_a_duplicate_key_names_both_lines() -> None:
    assert message("model: a\nsteps: 10\nmodel: b\n") == (
        "copa.yaml:3:1: model: duplicate key, first on line 1; keep one\n    model: b\n    ^"
    )


def test_a_nested_duplicate_key_is_found() -> None:
    assert message("grid:\n  - {lr: 1e-6, seed: 0, lr: 1e-5}\n") == (
        "copa.yaml:2:25: grid.0.lr: duplicate key, first on line 2; keep one\n"
        "      - {lr: 1e-6, seed: 0, lr: 1e-5}\n"
        "                            ^"
    )


def test_two_merge_keys_are_not_duplicates() -> None:
    text = "a: &a {x: 1}\nb: &b {y: 2}\nc:\n  <<: *a\n  <<: *b\n"
    assert parse_yaml(text).data["c"] == {"x": 1, "y": 2}


@pytest.mark.parametrize(
    ("text", "location", "words", "caret_under"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", "copa.yaml:3:2", "expected ',' or ']'", ":"),
        ("a: 'open\n", "copa.yaml:2:1", "unexpected end of stream", ""),
        ("a: 1\n\tb: 2\n", "copa.yaml:2:1", "found character '\\t'", "\t"),
        ("a: b: c\n", "copa.yaml:1:5", "mapping values are not allowed here", ":"),
        ("a: *nowhere\n", "copa.yaml:1:4", "found undefined alias 'nowhere'", "*"),
        (
            "a: !!python/name:os.system x\n",
            "copa.yaml:1:4",
            "could not determine a constructor",
            "!",
        ),
        ("a: !!int many\n", "copa.yaml:1:4", "the value cannot be read as int", "!"),
        ("? [a]\n: 1\n", "copa.yaml:1:3", "unhashable key", "["),
        ("a: 1\r\nb: }\r\n", "copa.yaml:2:4", "expected the node content, but found '}'", "}"),
    ],
)
def test_invalid_yaml_is_shown_with_its_location(
    text: str, location: str, words: str, caret_under: str
) -> None:
    shown = message(text)
    first, *shown_line = shown.split("\n")
    assert first.startswith(f"{location}: ")
    assert words in first
    if caret_under:
        line, caret = shown_line
        assert line[caret.index("^")] == caret_under


def test_an_error_about_a_missing_value_shows_the_nearest_parent() -> None:
    document = parse_yaml("data:\n  path: Copa\nsteps: 3\n", "copa.yaml")
    error = document.error("required, but missing", ("data", "mix", "ratio"))
    assert str(error) == ("copa.yaml:1:1: data.mix.ratio: required, but missing\n    data:\n    ^")
    location = (error.file, error.line, error.column, error.field)
    assert location == ("copa.yaml", 1, 1, "data.mix.ratio")


def test_list_items_count_from_zero_in_errors() -> None:
    document = parse_yaml("models:\n  - a\n  - b\n", "copa.yaml")
    assert str(document.error("no", ("models", 1))) == (
        "copa.yaml:3:5: models.1: no\n      - b\n        ^"
    )


def test_the_caret_is_aligned_after_tabs() -> None:
    shown = str(ConfigError("no", file="f", line=1, column=4, source="a\tbc"))
    assert shown == "f:1:4: no\n    a\tbc\n     \t ^"


@pytest.mark.parametrize(
    ("text", "location", "variable"),
    [
        (f"model: a\napi_key: {SECRET}\n", "copa.yaml:2:1: api_key:", "API_KEY"),
        (f"a:\n  openai-api-key: {SECRET}", "copa.yaml:2:3: a.openai-api-key:", "OPENAI_API_KEY"),
        (f"judge: {{wandbApiKey: {SECRET}}}", "copa.yaml:1:9: judge.wandbApiKey:", "WANDB_API_KEY"),
        (f"hub_token: '{SECRET}'", "copa.yaml:1:1: hub_token:", "HUB_TOKEN"),
        (f"password:\n  |\n  {SECRET}\n", "copa.yaml:1:1: password:", "PASSWORD"),
        ("password: 12345678", "copa.yaml:1:1: password:", "PASSWORD"),
        (f"api_keys: [a, {SECRET}]", "copa.yaml:1:12: api_keys.0:", "API_KEYS"),
        (f"model: hf_{SECRET}", "copa.yaml:1:1: model:", "HF_TOKEN"),
        (f"models: [a, hf_{SECRET}]", "copa.yaml:1:13: models.1:", "HF_TOKEN"),
        (f"note: see sk-proj-{SECRET}", "copa.yaml:1:1: note:", "OPENAI_API_KEY"),
        (f"note: sk-ant-api03-{SECRET}", "copa.yaml:1:1: note:", "ANTHROPIC_API_KEY"),
        (f"note: ghp_{SECRET}", "copa.yaml:1:1: note:", "GITHUB_TOKEN"),
        ("note: AKIAIOSFODNN7EXAMPLE", "copa.yaml:1:1: note:", "AWS_ACCESS_KEY_ID"),
        (f"hub: {{url: https://me:{SECRET}@host/x}}", "copa.yaml:1:7: hub.url:", "URL_PASSWORD"),
        (f"hf_{SECRET}: 1", "copa.yaml:1:1:", "HF_TOKEN"),
        (f"a: &x {SECRET}\napi_key: *x\n", "copa.yaml:2:1: api_key:", "API_KEY"),
    ],
)
def test_a_secret_is_refused_with_its_location_and_the_variable_to_use(
    text: str, location: str, variable: str
) -> None:
    shown = message(text)
    assert shown.startswith(location)
    assert f"set the environment variable {variable} instead" in shown
    assert SECRET not in shown
    assert "EXAMPLE" not in shown
    assert "\n" not in shown


@pytest.mark.parametrize(
    "text",
    [
        f"api_key: 'hf_{SECRET}\nmodel: a\n",
        f"model: a # api_key={SECRET}\nmodel: b # hf_{SECRET}\n",
        f"a: *hf_{SECRET}\n",
    ],
    ids=["open quote", "comment", "alias"],
)
def test_another_error_in_a_line_with_a_secret_does_not_show_the_line(text: str) -> None:
    assert SECRET not in message(text)


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens: 512",
        "eos_token: '<|end|>'",
        "stop_token: '###'",
        "image_token: <image_placeholder>",
        "use_auth_token: true",
        "token: null",
        "token: ''",
        "hub_token: '[redacted]'",
        "sort_key: created_at",
        "text_key: notes",
        "key: value",
        "api_key_env: OPENAI_API_KEY",
        "tokenizer: gpt2",
        "sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "path: /data/sk-learn-experiments-2024-a/part",
        "path: s3://bucket@2/x",
    ],
)
def test_values_that_only_resemble_secrets_are_accepted(text: str) -> None:
    assert len(parse_yaml(text).data) == 1


@pytest.mark.parametrize(
    ("override", "field", "variable"),
    [
        (f"judge.api_key={SECRET}", "judge.api_key", "API_KEY"),
        (f"model=hf_{SECRET}", "model", "HF_TOKEN"),
        (f"models=[a, hf_{SECRET}]", "models.1", "HF_TOKEN"),
        (f"judge={{password: {SECRET}}}", "judge.password", "PASSWORD"),
        (f"model='hf_{SECRET}'", "model", "HF_TOKEN"),
    ],
)
def test_a_secret_in_an_override_is_refused(override: str, field: str, variable: str) -> None:
    document = Document(data={}, file="copa.yaml")
    with pytest.raises(ConfigError) as caught:
        apply_overrides(document, [override])
    shown = str(caught.value)
    assert shown.startswith("command line")
    assert f" {field}: a secret does not belong here; remove it from the command line" in shown
    assert f"the environment variable {variable}" in shown
    assert SECRET not in shown
    assert document.data == {}


def test_an_override_may_remove_a_secret() -> None:
    document = Document(data={}, file="copa.yaml")
    apply_overrides(document, ["judge.password=null", "hub_token=", "use_auth_token=true"])
    assert document.data["judge"] == {"password": None}


def test_an_invalid_override_does_not_print_its_secret() -> None:
    with pytest.raises(ConfigError) as caught:
        apply_overrides(Document(data={}, file="copa.yaml"), [f"hf_{SECRET}"])
    assert SECRET not in str(caught.value)
