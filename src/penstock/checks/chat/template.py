"""The template of prompts: the text around the sentence, such as `Paraphrase this: `."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from penstock.manifest import BuildRecipe, Manifest
from penstock.templates import parse_template
from penstock.text import normalised

#: From so many prompts on, their common text up to a space is no coincidence.
_MANY_PROMPTS = 50
#: One in so many prompts may have another template, or none.
_OUTLIERS_ONE_IN = 20
#: Each candidate is tried on so many prompts, with so many ends and beginnings.
_TRIED_PROMPTS, _TRIED_CUTS = 200, 20
#: Where a template may end before the sentence, and continue after it; punctuation is best.
_ENDS = re.compile(r"[:\n\"“«>\])]\s*|\s+")
_BEGINNINGS = re.compile(r"\s*[\n\"”»<\[(]|\s+")


@dataclass(frozen=True)
class PromptTemplate:
    """The text before and after the sentence."""

    prefix: str = ""
    suffix: str = ""

    def sentence(self, prompt: str) -> str:
        """Return a prompt without the template; unchanged if it does not have it."""
        end = len(prompt) - len(self.suffix)
        if end < len(self.prefix) or not prompt.startswith(self.prefix):
            return prompt
        return prompt[len(self.prefix) : end] if prompt.endswith(self.suffix) else prompt


def recorded_template(manifest: Manifest | None) -> PromptTemplate | None:
    """Return the template of the recipe's step `chat`, None if the manifest has none."""
    recipe = manifest.recipe if manifest else None
    for step in recipe.steps if isinstance(recipe, BuildRecipe) else ():
        settings = step.get("chat", {})
        if isinstance(settings.get("user"), str):
            parts = parse_template(settings["user"])
            if len(parts) > 1:  # the last has no field
                return PromptTemplate(parts[0][0].lstrip(), parts[-1][0].rstrip())
    return None


def common_template(rows: Iterable[tuple[str, str]]) -> PromptTemplate:
    """Return the template of prompts, given each with its answer.

    The template is a part of the text that prompts share at their beginnings and ends. The best
    part makes the most prompts equal to answers of other rows, as in pairs of both directions. If
    none does, the template ends at a colon, a quotation mark, a bracket or a new line; with many
    prompts, also at a space before the sentence.
    """
    answers: dict[str, str] = dict(rows)
    prompts = sorted(answers)
    if len(prompts) < 2:
        return PromptTemplate()
    prefix = _shared(prompts)
    rests = (text[len(prefix) :][::-1] for text in prompts if text.startswith(prefix))
    suffix = _shared(sorted(rests))[::-1]
    ends = [match.end() for match in _ENDS.finditer(prefix)]
    beginnings = [match.start() for match in _BEGINNINGS.finditer(suffix)]
    candidates = [
        PromptTemplate(prefix[:end], suffix[start:])
        for end, start in product(
            (0, *ends[-_TRIED_CUTS:]), (*beginnings[:_TRIED_CUTS], len(suffix))
        )
    ]
    known = {normalised(answer, "letters") for answer in answers.values()}
    tried = prompts[:: -(-len(prompts) // _TRIED_PROMPTS)]

    def hits(template: PromptTemplate) -> int:
        return sum(normalised(template.sentence(text), "letters") in known for text in tried)

    best = max(candidates, key=hits)
    likely = _by_punctuation(prefix, suffix, many=len(prompts) >= _MANY_PROMPTS)
    return best if hits(best) > hits(likely) else likely


def _by_punctuation(prefix: str, suffix: str, *, many: bool) -> PromptTemplate:
    ends = list(_ENDS.finditer(prefix))
    marked = [match for match in ends if match[0].strip()]
    end = marked or (ends if many else [])
    start = next((match for match in _BEGINNINGS.finditer(suffix) if match[0].strip()), None)
    return PromptTemplate(
        prefix[: end[-1].end()] if end else "", suffix[start.start() :] if start else ""
    )


def _shared(texts: Sequence[str]) -> str:
    """Return the common beginning of sorted texts, except for a few outliers at either end."""
    outliers = len(texts) // _OUTLIERS_ONE_IN
    first, last = texts[outliers], texts[-1 - outliers]
    pairs = zip(first, last, strict=False)
    length = next((index for index, (one, other) in enumerate(pairs) if one != other), None)
    return first if length is None else first[:length]
