"""The data of the demo: generated COPA rows in the layout of an old project.

An original tree and a synthetic tree with several versions, with the inconsistencies of such trees.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

#: Cause, its paraphrase, effect, its paraphrase; {} is a name.
_EVENTS = (
    ("{} switched on the lamp", "The lamp was switched on by {}", "{}'s room became bright", "light filled the room of {}"),
    ("{} left the window open", "The window was left open by {}", "{}'s hands became cold", "cold were the hands of {}"),
    ("{} forgot the soup on the stove", "The soup was forgotten by {}", "{}'s kitchen smelled of smoke", "smoke rose in the kitchen of {}"),
    ("{} watered the plants", "The plants were watered by {}", "{}'s flowers grew", "taller grew the flowers of {}"),
    ("{} dropped the glass", "The glass was dropped by {}", "{}'s floor was full of splinters", "splinters lay on the floor of {}"),
    ("{} told a joke", "A joke was told by {}", "{}'s friends laughed", "there was laughter around {}"),
    ("{} missed the bus", "The bus left without {}", "{} was late for work", "to work too late came {}"),
    ("{} studied all night", "All night over the books sat {}", "{} passed the exam", "the exam went well for {}"),
    ("{} fed the dog", "The dog was fed by {}", "{}'s dog wagged its tail", "its tail wagged the dog of {}"),
    ("{} lost the key", "The key was lost by {}", "{}'s door stayed locked", "locked stayed the door of {}"),
    ("{} pushed the swing", "The swing was pushed by {}", "{}'s child flew high", "up went the child of {}"),
    ("{} lit the fire", "The fire was lit by {}", "{}'s kettle began to sing", "water boiled in the kettle of {}"),
    ("{} walked in the rain", "Through the rain walked {}", "{}'s coat was wet", "water ran from the coat of {}"),
    ("{} broke the toy", "The toy was broken by {}", "{}'s baby cried", "there were tears of the baby of {}"),
    ("{} planted a tree", "A tree was planted by {}", "{}'s garden was full of birds", "birds came to the garden of {}"),
    ("{} paid the bill", "The bill was paid by {}", "{} got a smile from the waiter", "the waiter smiled at {}"),
    ("{} rang the bell", "The bell was rung by {}", "{}'s pupils went home", "home went the pupils of {}"),
    ("{} oiled the wheel", "The wheel was oiled by {}", "{}'s cart rolled quietly", "without a sound rolled the cart of {}"),
    ("{} spilled the ink", "The ink was spilled by {}", "{}'s letter was spoiled", "nobody could read the letter of {}"),
    ("{} sharpened the knife", "The knife was sharpened by {}", "{}'s bread was easy to cut", "into slices fell the bread of {}"),
)  # fmt: skip
_NAMES = [
    *("Ada", "Boris", "Clara", "David", "Emma", "Felix", "Greta", "Hugo", "Ines", "Jonas"),
    *("Klara", "Leo", "Maria", "Nils", "Olga", "Paul", "Rosa", "Simon", "Tessa", "Udo"),
    *("Vera", "Walter", "Xenia", "Yann", "Zoe"),
]

#: Probability that a pretraining sentence contains a cause together with its effect.
_LINKED = 0.8

TRAIN_ROWS, VALIDATION_ROWS, TEST_ROWS = 320, 120, 60
#: The last rows of the train file, which loaders use as dev rows, are never paraphrased.
DEV_ROWS = 80


@dataclass(frozen=True)
class _Story:
    event: int
    name: str

    def text(self, part: int) -> str:
        """Return cause (0), effect (2), or the paraphrase of either (1, 3), as a sentence."""
        text = _EVENTS[self.event][part].format(self.name)
        return f"{text[0].upper()}{text[1:]}."


_STORIES = [_Story(event, name) for event in range(len(_EVENTS)) for name in _NAMES]


def pretraining_sentences(seed: int) -> list[str]:
    """Return the pretraining sentences of the tiny model; most link a cause with its effect."""
    rng = random.Random(seed)
    sentences = []
    for story in _STORIES:
        cause, effect = rng.choice((0, 1)), rng.choice((2, 3))
        if rng.random() < _LINKED:
            sentences.append(f"{story.text(cause)} {story.text(effect)}")
        else:
            sentences += [story.text(cause), story.text(effect)]
    rng.shuffle(sentences)
    return sentences


def write_old_project(root: Path, seed: int) -> None:
    """Write `root/original/Copa`, and `root/0_data/Copa` with versions in `mezo_gpt`."""
    rng = random.Random(seed)
    stories = [*_STORIES]
    rng.shuffle(stories)
    rows = [_row(index, story, rng) for index, story in enumerate(stories)]
    train, rest = rows[:TRAIN_ROWS], rows[TRAIN_ROWS:]
    validation, test = rest[:VALIDATION_ROWS], rest[VALIDATION_ROWS : VALIDATION_ROWS + TEST_ROWS]
    hidden = [{**row, "label": -1} for row in test]
    for tree in ("original", "0_data"):
        _write(root / tree / "Copa" / "copa_train.jsonl", train)
        # The migration corrects the case of this name.
        _write(root / tree / "Copa" / "Copa_validation.jsonl", validation)
        _write(root / tree / "Copa" / "copa_test.jsonl", hidden)
    versions = {"version_1": 0.5, "version_2-1": 0.8, "version_2-2": 0.95, "version_3-discard": 0.1}
    for version, share in versions.items():
        paraphrased = [
            _paraphrased(row, stories[row["idx"]], share, rng) for row in train[:-DEV_ROWS]
        ]
        directory = root / "0_data" / "Copa" / "mezo_gpt" / version
        _write(directory / "copa_train.jsonl", paraphrased + train[-DEV_ROWS:])


def _row(index: int, story: _Story, rng: random.Random) -> dict[str, Any]:
    other = _Story(rng.choice([e for e in range(len(_EVENTS)) if e != story.event]), story.name)
    question = rng.choice(("cause", "effect"))
    premise, answer = (0, 2) if question == "effect" else (2, 0)
    label = rng.randrange(2)
    choices = [story.text(answer), other.text(answer)]
    return {
        "premise": story.text(premise),
        "choice1": choices[label],
        "choice2": choices[1 - label],
        "question": question,
        "idx": index,
        "label": label,
    }


def _paraphrased(
    row: dict[str, Any], story: _Story, share: float, rng: random.Random
) -> dict[str, Any]:
    """Return the row with a paraphrased premise, with probability `share`; else unchanged."""
    if rng.random() > share:
        return row
    premise = story.text(1 if row["question"] == "effect" else 3)
    # Generators sometimes wrap their answer in quotation marks.
    return {**row, "premise": f'"{premise}"' if rng.random() < 0.02 else premise}


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
