"""A valid row of every task, with the prompt, options and scores that MeZO gives it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """A row, its prompt and options, and the scores of each answer."""

    row: dict[str, Any]
    prompt: str
    options: list[str]
    correct: tuple[int, ...]
    #: The scores of each option, or of generated answers.
    scores: dict[int | str, dict[str, float]]
    #: Changes that remove the answer from the row.
    unlabelled: dict[str, Any] = field(default_factory=dict)


RIGHT = {"accuracy": 1.0}
WRONG = {"accuracy": 0.0}

_ARC_ROW = {
    "id": "Mercury_1",
    "question": "Which of these bends light?",
    "choices": {"text": ["a prism", "a brick", "a rope"], "label": ["1", "2", "3"]},
    "answerKey": "1",
}
_RTE_TEXT = {"premise": "No weapons were found in Iraq.", "hypothesis": "Weapons were found."}

CASES = {
    "arcc_cloze": Case(
        row=_ARC_ROW,
        prompt="Question: Which of these bends light?\nAnswer:",
        options=[" a prism", " a brick", " a rope"],
        correct=(0,),
        scores={0: RIGHT, 1: WRONG, 2: WRONG},
    ),
    "arcc_mc": Case(
        row={**_ARC_ROW, "answerKey": "3"},
        prompt=(
            "Question: Which of these bends light?\n1. a prism\n2. a brick\n3. a rope\nAnswer:"
        ),
        options=[" 1", " 2", " 3"],
        correct=(2,),
        scores={0: WRONG, 1: WRONG, 2: RIGHT},
    ),
    "boolq": Case(
        row={
            "question": "is persian spoken in iran",
            "answer": False,
            "passage": "Persian -- It is spoken in Iran.",
        },
        prompt="Persian -- It is spoken in Iran. Is persian spoken in iran?",
        options=[" Yes", " No"],
        correct=(1,),
        scores={0: WRONG, 1: RIGHT},
    ),
    "cb": Case(
        row={
            "premise": "It was a complex language. One might say it was peeled down.",
            "hypothesis": "the language was peeled down",
            "idx": 0,
            "label": 2,
        },
        prompt=(
            "Suppose It was a complex language. One might say it was peeled down. Can we infer "
            'that "the language was peeled down"? Yes, No, or Maybe?\n'
        ),
        options=["Yes", "No", "Maybe"],
        correct=(2,),
        scores={0: WRONG, 1: WRONG, 2: RIGHT},
        unlabelled={"label": -1},
    ),
    "copa": Case(
        row={
            "premise": "My body cast a shadow over the grass.",
            "choice1": "The sun was rising.",
            "choice2": "I cut the grass.",
            "question": "cause",
            "idx": 0,
            "label": 0,
        },
        prompt="My body cast a shadow over the grass because",
        options=[" the sun was rising.", " I cut the grass."],
        correct=(0,),
        scores={0: RIGHT, 1: WRONG},
        unlabelled={"label": -1},
    ),
    "drop": Case(
        row={
            "section_id": "nfl_1",
            "query_id": "q1",
            "passage": "The Bears led 14 to 3.",
            "question": " How many points did the Bears have? ",
            "answers_spans": {"spans": ["14 points", "14"], "types": ["span", "number"]},
        },
        prompt=(
            "Passage: The Bears led 14 to 3.\n"
            "Question: How many points did the Bears have?\nAnswer:"
        ),
        options=[" 14 points\n"],
        correct=(0,),
        scores={
            "14": {"f1": 1.0, "exact_match": 1.0},
            "14 points more": {"f1": 0.8, "exact_match": 0.0},
            "3": {"f1": 0.0, "exact_match": 0.0},
        },
        unlabelled={"answers_spans": {"spans": [], "types": []}},
    ),
    "multirc": Case(
        row={
            "paragraph": "Ann fed the cat.",
            "question": "Who fed the cat?",
            "answer": "Ann",
            "idx": {"paragraph": 0, "question": 0, "answer": 0},
            "label": 1,
        },
        prompt=(
            "Ann fed the cat.\nQuestion: Who fed the cat?\n"
            'I found this answer "Ann". Is that correct? Yes or No?\n'
        ),
        options=["No", "Yes"],
        correct=(1,),
        scores={0: WRONG, 1: RIGHT},
        unlabelled={"label": -1},
    ),
    "record": Case(
        row={
            "passage": "The fair began.\n@highlight\nAnn Lee won\n@highlight\nBob lost",
            "query": "The prize went to @placeholder.",
            "entities": ["Ann Lee", "Bob", "Ann"],
            "answers": ["Ann Lee", "Ann"],
            "idx": {"passage": 0, "query": 0},
        },
        prompt="The fair began.\n- Ann Lee won\n- Bob lost\n-",
        options=[
            " The prize went to Ann Lee.",
            " The prize went to Bob.",
            " The prize went to Ann.",
        ],
        correct=(0, 2),
        scores={
            0: {"f1": 1.0, "accuracy": 1.0},
            1: {"f1": 0.0, "accuracy": 0.0},
            2: {"f1": 1.0, "accuracy": 1.0},
        },
        unlabelled={"answers": []},
    ),
    "rte": Case(
        row={**_RTE_TEXT, "idx": 0, "label": 1},
        prompt=(
            "No weapons were found in Iraq.\n"
            'Does this mean that "Weapons were found." is true? Yes or No?\n'
        ),
        options=["Yes", "No"],
        correct=(1,),
        scores={0: WRONG, 1: RIGHT},
        unlabelled={"label": -1},
    ),
    "squad": Case(
        row={
            "id": "56be",
            "title": "Notre_Dame",
            "context": "The statue of the Virgin Mary is golden.",
            "question": "What is the statue of? ",
            "answers": {"text": ["the Virgin Mary"], "answer_start": [14]},
        },
        prompt=(
            "Title: Notre_Dame\nContext: The statue of the Virgin Mary is golden.\n"
            "Question: What is the statue of?\nAnswer:"
        ),
        options=[" the Virgin Mary\n"],
        correct=(0,),
        scores={
            "virgin mary!": {"f1": 1.0, "exact_match": 1.0},
            "Mary": {"f1": 2 / 3, "exact_match": 0.0},
            "": {"f1": 0.0, "exact_match": 0.0},
        },
        unlabelled={"answers": {"text": [], "answer_start": []}},
    ),
    "sst2": Case(
        row={"sentence": "hide new secretions from the parental units ", "label": 0, "idx": 0},
        prompt="hide new secretions from the parental units It was",
        options=[" terrible", " great"],
        correct=(0,),
        scores={0: RIGHT, 1: WRONG},
        unlabelled={"label": -1},
    ),
    "wic": Case(
        row={
            "word": "place",
            "sentence1": "Do you want to come over to my place later?",
            "sentence2": "A political system with no place for the less prominent.",
            "start1": 31,
            "start2": 27,
            "end1": 36,
            "end2": 32,
            "idx": 0,
            "label": 0,
        },
        prompt=(
            'Does the word "place" have the same meaning in these two sentences? Yes, No?\n'
            "Do you want to come over to my place later?\n"
            "A political system with no place for the less prominent.\n"
        ),
        options=["No", "Yes"],
        correct=(0,),
        scores={0: RIGHT, 1: WRONG},
        unlabelled={"label": -1},
    ),
    "winogrande": Case(
        row={
            "sentence": "The cup did not fit in the bag because the _ was too large.",
            "option1": "cup",
            "option2": "bag",
            "answer": "1",
        },
        prompt="",
        options=[
            "The cup did not fit in the bag because the cup was too large.",
            "The cup did not fit in the bag because the bag was too large.",
        ],
        correct=(0,),
        scores={0: RIGHT, 1: WRONG},
        unlabelled={"answer": ""},
    ),
    "wsc": Case(
        row={
            "text": "Mark told Pete many lies. He should have been more truthful.",
            "span1_index": 0,
            "span2_index": 5,
            "span1_text": "Mark",
            "span2_text": "He",
            "idx": 0,
            "label": 1,
        },
        prompt=(
            "Mark told Pete many lies. He should have been more truthful.\n"
            'In the previous sentence, does the pronoun "he" refer to Mark? Yes or No?\n'
        ),
        options=["No", "Yes"],
        correct=(1,),
        scores={0: WRONG, 1: RIGHT},
        unlabelled={"label": -1},
    ),
}
