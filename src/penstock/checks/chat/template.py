"""What stands around the sentence in every prompt: `Paraphrase this: `."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from penstock.manifest import Manifest
from penstock.steps import normalised, parse_template

#: From so many prompts on, what they share up to a space is no accident.
_MANY = 50
#: One prompt in so many may have another template, or none.
_ODD_IN = 20
#: So many prompts are tried with each template that may be, of so many ends and beginnings.
_TRIED, _CUTS = 200, 20
#: Where a template may end before a sentence, and begin again after it; marks tell it best.
_ENDS = re.compile(r"[:\n\"“«>\])]\s*|\s+")
_BEGINNINGS = re.compile(r"\s*[\n\"”»<\[(]|\s+")


@dataclass(frozen=True)
class PromptTemplate:
    """What comes before and after the sentence."""

    prefix: str = ""
    suffix: str = ""

    def sentence(self, prompt: str) -> str:
        """Return a prompt without the template; whole, where it does not have it."""
        end = len(prompt) - len(self.suffix)
        if end < len(self.prefix) or not prompt.startswith(self.prefix):
            return prompt
        return prompt[len(self.prefix) : end] if prompt.endswith(self.suffix) else prompt


def recorded_template(manifest: Manifest | None) -> PromptTemplate | None:
    """Return the template that the step `chat` of a recipe had; None where none is recorded."""
    steps = manifest.recipe.get("steps") if manifest else None
    for step in steps if isinstance(steps, list) else ():
        settings = step.get("chat") if isinstance(step, dict) else None
        if isinstance(settings, dict) and isinstance(settings.get("user"), str):
            parts = parse_template(settings["user"])
            if len(parts) > 1:  # the last has no field
                return PromptTemplate(parts[0][0].lstrip(), parts[-1][0].rstrip())
    return None


def common_template(rows: Iterable[tuple[str, str]]) -> PromptTemplate:
    """Return the template of prompts, given each with its answer.

    It is a part of what they share at their beginnings and ends: that under which the most prompts
    are answers of other rows, as they are in pairs of both directions. Else a colon, a quotation
    mark, a bracket or a new line parts it from the sentence, or, before it, a space if there are
    many prompts.
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
    may_be = [
        PromptTemplate(prefix[:end], suffix[start:])
        for end, start in product((0, *ends[-_CUTS:]), (*beginnings[:_CUTS], len(suffix)))
    ]
    said = {normalised(answer, "letters") for answer in answers.values()}
    tried = prompts[:: -(-len(prompts) // _TRIED)]

    def hits(template: PromptTemplate) -> int:
        return sum(normalised(template.sentence(text), "letters") in said for text in tried)

    best, likely = max(may_be, key=hits), _likely(prefix, suffix, many=len(prompts) >= _MANY)
    return best if hits(best) > hits(likely) else likely


def _likely(prefix: str, suffix: str, *, many: bool) -> PromptTemplate:
    """Return the template that shared text is likely to be, where no answer tells."""
    ends = list(_ENDS.finditer(prefix))
    marked = [match for match in ends if match[0].strip()]
    end = marked or (ends if many else [])
    start = next((match for match in _BEGINNINGS.finditer(suffix) if match[0].strip()), None)
    return PromptTemplate(
        prefix[: end[-1].end()] if end else "", suffix[start.start() :] if start else ""
    )


def _shared(texts: Sequence[str]) -> str:
    """Return the beginning that sorted texts share, but for a few odd ones at either end."""
    odd = len(texts) // _ODD_IN
    first, last = texts[odd], texts[-1 - odd]
    pairs = zip(first, last, strict=False)
    length = next((index for index, (one, other) in enumerate(pairs) if one != other), None)
    return first if length is None else first[:length]
