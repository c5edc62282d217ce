"""A secret in a file or an override is refused; neither it nor its line is printed."""

from __future__ import annotations

import pytest

from penstock.config import Document, apply_overrides, parse_yaml
from penstock.errors import ConfigError

SECRET = "Zx9mQ4rT7bLw2KpV8nYs"


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, "copa.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "place", "variable"),
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
def test_a_secret_is_refused_with_its_place_and_the_variable_to_use(
    text: str, place: str, variable: str
) -> None:
    shown = refusal(text)
    assert shown.startswith(place)
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
def test_a_line_with_a_secret_is_not_shown_for_another_error_in_it(text: str) -> None:
    assert SECRET not in refusal(text)


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
def test_what_only_sounds_like_a_secret_is_taken(text: str) -> None:
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


def test_a_secret_may_be_taken_away_by_an_override() -> None:
    document = Document(data={}, file="copa.yaml")
    apply_overrides(document, ["judge.password=null", "hub_token=", "use_auth_token=true"])
    assert document.data["judge"] == {"password": None}


def test_an_override_without_a_sign_does_not_print_its_secret() -> None:
    with pytest.raises(ConfigError) as caught:
        apply_overrides(Document(data={}, file="copa.yaml"), [f"hf_{SECRET}"])
    assert SECRET not in str(caught.value)
