"""Recipes by name: PAWS and QQP to chat rows, exactly as promised, and without leaks."""

from __future__ import annotations

import csv
import json
import random
import re
import unicodedata
from collections.abc import Iterator
from itertools import combinations, count
from pathlib import Path
from typing import Any

import pyarrow.csv
import pyarrow.parquet
import pytest

import penstock
from helpers import command
from helpers.recipe_worlds import files_of
from penstock.errors import ConfigError, DataError, StepError
from penstock.recipes import Built, summary_tables

EXAMPLES = Path(__file__).parents[2] / "examples"
SYSTEM = "You rewrite what the user gives you: the same meaning in other words."
ASK = "Paraphrase this: "
HEADER = "id\tsentence1\tsentence2\tlabel\r\n"
SPLITS = ("train", "eval", "test")

Row = dict[str, Any]


@pytest.fixture
def pairs(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the real files."""
    (tmp_path / "pairs").symlink_to(shared_data / "pairs")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "pairs"


def make(name: str, *overrides: str) -> Built:
    """Build an example."""
    return penstock.build(EXAMPLES / f"{name}.yaml", overrides, workers=2)


def rows_of(path: Path) -> list[Row]:
    """Return the rows of a file, read as any reader would."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        found: list[Row] = json.loads(text)
        return found
    return [json.loads(line) for line in text.split("\n") if line]


def chat(source: str, target: str) -> Row:
    """Return one direction of a pair."""
    return {
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": f"{ASK}{source}"},
            {"role": "assistant", "content": target},
        ]
    }


def both_ways(path: Path, first: str, second: str, label: str, least: int = 0) -> list[Row]:
    """Do what the old scripts did: positives in file order, each in both directions."""
    tabs = path.suffix == ".tsv"
    rows = []
    with path.open(newline="", encoding="utf-8") as stream:
        quoting = csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL
        for row in csv.DictReader(stream, delimiter="\t" if tabs else ",", quoting=quoting):
            source, target = row[first].strip(), row[second].strip()
            if row[label] == "1" and min(len(source), len(target)) >= least:
                rows += [chat(source, target), chat(target, source)]
    return rows


def test_the_seed_gives_what_a_script_gives_row_by_row(pairs: Path) -> None:
    built = make("paraphrase_seed")
    paws = ("sentence1", "sentence2", "label")
    dev = both_ways(pairs / "paws/dev.tsv", *paws)
    test = both_ways(pairs / "paws/test.tsv", *paws)
    qqp_file = pairs / "qqp/questions_sample.csv"
    qqp = both_ways(qqp_file, "question1", "question2", "is_duplicate", least=10)
    assert (len(dev), len(test)) == (7078, 7072)
    train = list(qqp)
    random.Random(42).shuffle(train)
    expected = {
        "paws_paraphrase_eval.jsonl": dev,
        "paws_paraphrase_test.jsonl": test,
        "qqp_paraphrase_train.jsonl": qqp,
        "paraphrase_combined_train.jsonl": train,
        "paraphrase_combined_eval.jsonl": dev,
        "paraphrase_combined_test.jsonl": test,
        "paraphrase_combined.json": train + dev,
    }
    assert {path.name for path in built.path.glob("*_*.json*")} == {*expected, "dataset_info.json"}
    for name, rows in expected.items():
        assert rows_of(built.path / name) == rows, name


def published(path: Path, header: str, rows: int, positives: int, sides: Iterator[str]) -> None:
    """Write a corpus with the published numbers of rows."""
    with path.open("w", encoding="utf-8", newline="") as out:
        out.write(header)
        tab = "\t" if path.suffix == ".tsv" else ","
        for number in range(rows):
            # Positives are spread over the file.
            label = (number + 1) * positives // rows - number * positives // rows
            fields = [str(number), next(sides), next(sides), str(label)]
            out.write(tab.join(fields) + "\r\n")


@pytest.mark.slow
def test_the_seed_gives_the_published_counts_of_files_of_the_published_size(
    pairs: Path, tmp_path: Path
) -> None:
    sides = (f"sentence number {number} of them" for number in count())
    published(tmp_path / "train.tsv", HEADER, 49_401, 21_829, sides)
    header = "id,question1,question2,is_duplicate\r\n"
    published(tmp_path / "qqp.csv", header, 404_290, 149_263, sides)
    built = make("paraphrase_seed", "paws.train=train.tsv", "qqp.train=qqp.csv")
    rows = {entry.path: entry.rows for entry in built.manifest.files if entry.rows is not None}
    assert rows == {
        "paws_paraphrase_train.jsonl": 43_658,
        "paws_paraphrase_eval.jsonl": 7_078,
        "paws_paraphrase_test.jsonl": 7_072,
        "qqp_paraphrase_train.jsonl": 100_000,
        "paraphrase_combined_train.jsonl": 143_658,
        "paraphrase_combined_eval.jsonl": 7_078,
        "paraphrase_combined_test.jsonl": 7_072,
        "paraphrase_combined.json": 150_736,
    }


def turns_of(rows: list[Row]) -> list[tuple[str, str]]:
    """Return what is asked for, and the answer, of each row."""
    turns = [[turn["content"] for turn in row["messages"][1:]] for row in rows]
    return [(user.removeprefix(ASK), answer) for user, answer in turns]


def sentences(rows: list[Row]) -> set[str]:
    """Return both sentences of each row, compared by their letters and digits."""
    found = set()
    for row in rows:
        _, user, assistant = (turn["content"] for turn in row["messages"])
        for side in (user.removeprefix(ASK), assistant):
            plain = unicodedata.normalize("NFKD", side.casefold())
            found.add("".join(filter(str.isalnum, plain)))
    return found


def combined(directory: Path) -> dict[str, list[Row]]:
    """Return the rows of each split."""
    return {split: rows_of(directory / f"paraphrase_combined_{split}.jsonl") for split in SPLITS}


def test_no_sentence_of_the_default_recipe_stands_in_two_splits(pairs: Path) -> None:
    built = make("paraphrase")
    splits = combined(built.path)
    assert all(splits.values())
    for one, other in combinations(SPLITS, 2):
        assert not sentences(splits[one]) & sentences(splits[other])
    # The sample of QQP is divided as well, and what is published keeps its split.
    assert {path.name for path in built.path.glob("*_paraphrase_*.jsonl")} == {
        "paws_paraphrase_eval.jsonl",
        "paws_paraphrase_test.jsonl",
        "qqp_paraphrase_train.jsonl",
        "qqp_paraphrase_eval.jsonl",
        "qqp_paraphrase_test.jsonl",
    }


def test_the_default_recipe_has_every_pair_once_in_both_directions(pairs: Path) -> None:
    built = make("paraphrase")
    for rows in combined(built.path).values():
        seen = set(turns_of(rows))
        assert len(seen) == len(rows)
        assert all((target, source) in seen for source, target in seen)
        assert all(source.casefold() != target.casefold() for source, target in seen)


def test_paws_loses_the_spacing_of_its_tokeniser(pairs: Path) -> None:
    rows = rows_of(make("paraphrase").path / "paws_paraphrase_test.jsonl")
    answers = [row["messages"][2]["content"] for row in rows]
    assert not [text for text in answers if re.search(r"\w [,.]( |$)|``|''", text)]


def test_the_default_recipe_drops_what_stands_with_both_labels(pairs: Path) -> None:
    """Seven pairs of test but for case and spacing, two more but for punctuation."""
    manifest = make("paraphrase").manifest
    assert manifest.report("contradicted").noted["distinct_pairs"] == 9
    only_test = ("paws.eval=null", "qqp.train=null", "eval=0", "output=test")
    manifest = make("paraphrase", *only_test).manifest
    assert manifest.report("contradicted").noted["distinct_pairs"] == 9
    assert manifest.report("read").kept - manifest.report("positives").total_dropped == 3536


def test_the_same_bytes_come_of_any_number_of_workers(pairs: Path, tmp_path: Path) -> None:
    made = []
    for workers in (1, 2, 3):
        built = penstock.build(EXAMPLES / "paraphrase.yaml", workers=workers)
        made.append(files_of(built.path))
        built.path.rename(tmp_path / f"made{workers}")
    assert made[0] == made[1] == made[2]


def test_what_is_null_is_left_out_and_the_manifest_says_so(pairs: Path) -> None:
    built = make("paraphrase_seed", "paws.test=null", "output=there")
    preset = built.manifest.recipe.preset
    assert preset["left_out"] == ["paws.test", "paws.train"]
    assert preset["settings"]["recipe"] == "paraphrase_seed"
    assert not list(built.path.glob("*_test.jsonl"))
    info = json.loads((built.path / "dataset_info.json").read_bytes())
    for name, entry in info.items():
        assert (built.path / entry["file_name"]).is_file()
        assert Path(entry["file_name"]).stem == name


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (
            "paws.train=train.tsv",
            "paws.train: there is no train.tsv; set another, or paws.train=null",
        ),
        ("paws.eval=pairs/paws/deb.tsv", "paws.eval: there is no pairs/paws/deb.tsv; did you mean"),
        ("qqp.train=rows.xyz", "qqp.train: the kind of 'rows.xyz' is unknown; name a file that"),
        ("paws.evl=x.tsv", "paws.evl: unknown key; did you mean 'eval'?"),
        ("recipe=paraphrases", "recipe: there is no recipe 'paraphrases'; did you mean 'paraphra"),
        ("user=hello", "user: `directions: both` needs {source} in a turn; use {source} and {t"),
        ("user=a {source", "user: a single '{'; write '{{' for a brace"),
        ("paws.train={kind: tvs, path: x}", "paws.train.kind: there is no source 'tvs'; did you"),
        (
            "paws.test=pairs/paws/dev.tsv",
            "paws.eval: pairs/paws/dev.tsv is also paws.test; set another",
        ),
        ("paws.test=''", "paws.test: the kind of '' is unknown; name a file"),
        ("most.qqp=0", "most.qqp: must be greater than or equal to 1, not 0"),
        ("qqp.config=x", "qqp: `config` is for `hub:` names, and no split is one; remove it"),
        ("test_sets={x: {kind: tvs}}", "test_sets: x: there is no source 'tvs'; did you mean"),
        ("weights={paws: 1, qqp: 2}", "weights: paws.train is null; remove the weights"),
        ("test=0.99", "`eval` + `test` must be less than 1; the rest is train"),
    ],
)
def test_a_wrong_setting_is_named_as_the_user_wrote_it(
    pairs: Path, override: str, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        make("paraphrase", override)
    assert expected in str(caught.value)
    assert not Path("datasets").exists()


def test_a_split_that_is_neither_named_nor_null_is_an_error(pairs: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    text = (EXAMPLES / "paraphrase_seed.yaml").read_text().replace("  train: null\n", "")
    recipe.write_text(text)
    with pytest.raises(ConfigError, match=r"recipe\.yaml:5:\d+: paws\.train: .*required"):
        penstock.build(recipe)


GOOD = "1\tone two three\tthree two one\t1\r\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (HEADER.replace("\t", ",") + GOOD, ":1: the first line is one field; it has 4 with"),
        (HEADER.replace("label", "lable") + GOOD, ":1: has no column 'label'"),
        (HEADER + GOOD + GOOD.replace("\t1\r", "\t2\r"), ":3: the field 'label' is"),
        (HEADER + GOOD + GOOD.replace("three two one", " "), ":3: the field 'target' is empty"),
        (HEADER + GOOD + GOOD.replace("two", "\udc92"), ":3: column 7: byte 0x92 is not UTF-8"),
        (HEADER + GOOD + GOOD.replace("two", "\n"), ":3: 2 fields, must be 4"),
    ],
)
@pytest.mark.parametrize("name", ["paraphrase", "paraphrase_seed"])
def test_bad_input_ends_the_build_with_file_and_line(
    pairs: Path, name: str, content: str, expected: str
) -> None:
    Path("bad.tsv").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError) as caught:
        make(name, "paws.eval=bad.tsv")
    assert str(caught.value).startswith(f"bad.tsv{expected}")
    assert not Path("datasets", name).exists()


def test_an_empty_question_is_left_out_counted_and_named(pairs: Path) -> None:
    text = Path("pairs/qqp/questions_sample.csv").read_text(encoding="utf-8")
    Path("qqp.csv").write_text(f'{text}9999,1,2,"What is it?","",0\n', encoding="utf-8")
    with Path("qqp.csv").open("rb") as stream:
        line = sum(1 for _ in stream)
    built = make("paraphrase", "qqp.train=qqp.csv")
    [left_out] = built.manifest.skipped
    assert (left_out.file, left_out.line) == ("qqp.csv", line)
    assert left_out.reason == "a side of the pair is empty"
    with pytest.raises(DataError, match=rf"qqp\.csv:{line}: the field 'target' is empty"):
        make("paraphrase", "qqp.train=qqp.csv", "qqp.empty=error", "output=other")


def test_bytes_of_windows_1252_are_an_error_or_read_as_such(pairs: Path) -> None:
    data = Path("pairs/qqp/questions_sample.csv").read_bytes()
    row = b'9999,1,2,"What\x92s the way to Rome?","How do I get to Rome, then?",1\n'
    Path("qqp.csv").write_bytes(data + row)
    with pytest.raises(DataError, match=r"qqp\.csv:\d+: column 15: byte 0x92 is not UTF-8; `und"):
        make("paraphrase", "qqp.train=qqp.csv")
    built = make("paraphrase", "qqp.train=qqp.csv", "qqp.undecodable=cp1252")
    text = "".join(path.read_text("utf-8") for path in built.path.glob("qqp_paraphrase_*.jsonl"))
    assert "What\u2019s the way to Rome?" in text
    shown = summary_tables(built.manifest)[0].rows[0]
    assert (shown[0], shown[-1]) == ("read", "cp1252_bytes 1")


def test_a_setting_of_tables_is_refused_where_no_split_is_one(pairs: Path) -> None:
    with pytest.raises(ConfigError, match=r"qqp: `undecodable` is for \.tsv and \.csv files, and"):
        make("paraphrase", "qqp.train=null", "qqp.undecodable=cp1252")


def test_tables_parquet_and_saved_datasets_give_the_same_rows(pairs: Path) -> None:
    datasets = pytest.importorskip("datasets")
    options = pyarrow.csv.ParseOptions(delimiter="\t", quote_char=False)
    table = pyarrow.csv.read_csv("pairs/paws/dev.tsv", parse_options=options)
    pyarrow.parquet.write_table(table, "dev.parquet")
    datasets.Dataset(table).save_to_disk("dev_saved")
    datasets.DatasetDict(validation=datasets.Dataset(table)).save_to_disk("all_saved")
    made = []
    for given in ("pairs/paws/dev.tsv", "dev.parquet", "dev_saved", "all_saved"):
        output = f"of_{Path(given).name}"
        built = make("paraphrase_seed", f"paws.eval={given}", f"output={output}")
        made.append(rows_of(built.path / "paws_paraphrase_eval.jsonl"))
    assert made[0] == made[1] == made[2] == made[3]
    assert len(made[0]) == 7078


@pytest.mark.parametrize("options", [("--dry-run",), ()])
def test_the_command_says_what_is_left_out(pairs: Path, options: tuple[str, ...]) -> None:
    done = command.penstock("build", EXAMPLES / "paraphrase.yaml", *options, cwd=Path.cwd())
    assert "left out paws.train, as the recipe says" in done.stdout


def test_weights_are_the_shares_of_the_corpora_in_train(pairs: Path) -> None:
    overrides = ("paws.train=pairs/paws/test.tsv", "paws.test=null", "weights={paws: 1, qqp: 3}")
    built = make("paraphrase", *overrides)
    rows = {entry.path: entry.rows for entry in built.manifest.files}
    paws, qqp = rows["paws_paraphrase_train.jsonl"], rows["qqp_paraphrase_train.jsonl"]
    assert paws is not None
    assert qqp is not None
    assert paws / qqp == pytest.approx(1 / 3, abs=0.001)
    assert rows["paraphrase_combined_train.jsonl"] == paws + qqp
    seen = set(turns_of(rows_of(built.path / "paraphrase_combined_train.jsonl")))
    assert all((target, source) in seen for source, target in seen)


def test_published_splits_are_kept_as_they_are(pairs: Path) -> None:
    """Nothing of PAWS's train is drawn into what others report scores of."""
    tables = Path("pairs/paws/test.tsv").read_text(encoding="utf-8").splitlines(keepends=True)
    Path("test.tsv").write_text("".join(tables[:2000]), encoding="utf-8")
    Path("train.tsv").write_text("".join([tables[0], *tables[2000:]]), encoding="utf-8")
    with_train = make("paraphrase", "paws.test=test.tsv", "paws.train=train.tsv", "output=with")
    without = make("paraphrase", "paws.test=test.tsv", "output=without")
    names = ("paws_paraphrase_eval.jsonl", "paws_paraphrase_test.jsonl")
    for name in names:
        assert (with_train.path / name).read_bytes() == (without.path / name).read_bytes()


def test_a_threshold_that_ends_the_build_is_named_as_the_recipe_has_it(pairs: Path) -> None:
    for name in ("edit", "contradicted"):
        setting = f"filters.{name}.max_dropped"
        with pytest.raises(StepError) as caught:
            make("paraphrase", f"{setting}=0")
        assert f"{setting}: " in str(caught.value)
        assert f"raise `{setting}`" in str(caught.value)
    Path("recipe.yaml").write_text(
        (EXAMPLES / "paraphrase.yaml").read_text() + "filters:\n  repeated:\n    max_dropped: 0\n"
    )
    line = Path("recipe.yaml").read_text().count("\n")
    with pytest.raises(StepError) as caught:
        penstock.build(Path("recipe.yaml"))
    assert str(caught.value).startswith(f"recipe.yaml:{line}:5: filters.repeated.max_dropped: ")
    assert caught.value.step == "deduplicate"


def test_train_holds_no_sentence_of_a_named_test_set(pairs: Path) -> None:
    held_out = "{kind: tsv, path: held.tsv, text: null, metadata: {source: s, target: t}}"
    first = rows_of(make("paraphrase", "output=before").path / "qqp_paraphrase_train.jsonl")[0]
    user, answer = (turn["content"] for turn in first["messages"][1:])
    Path("held.tsv").write_text(f"s\tt\n{user.removeprefix(ASK)}\tanything\n", encoding="utf-8")
    built = make("paraphrase", f"test_sets={{held: {held_out}}}")
    assert built.manifest.report("decontaminate").dropped["held"] >= 1
    assert answer not in (built.path / "paraphrase_combined_train.jsonl").read_text("utf-8")


def test_alpaca_rows_say_the_same(pairs: Path) -> None:
    chat_rows = rows_of(make("paraphrase").path / "paraphrase_combined_eval.jsonl")
    built = make("paraphrase", "formatting=alpaca", "output=alpaca")
    rows = rows_of(built.path / "paraphrase_combined_eval.jsonl")
    for row, turns in zip(rows, chat_rows, strict=True):
        system, user, answer = (turn["content"] for turn in turns["messages"])
        assert (row["system"], row["instruction"], row["output"]) == (system, user, answer)
        assert (row["input"], row["history"]) == ("", [])
    info = json.loads((built.path / "dataset_info.json").read_bytes())
    assert info["paraphrase_combined_eval"]["formatting"] == "alpaca"
