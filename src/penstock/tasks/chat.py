"""Chat: conversations whose answers are learned, in a directory as LLaMA-Factory reads it."""

from __future__ import annotations

from penstock.tasks import TaskBase


class ChatTask(TaskBase):
    """Scored by the mean negative log-probability of the tokens of answers, in nats."""

    name = "chat"
    directory = "Chat"
    metric = "loss"
    without = frozenset({"train_as_classification"})
    defaults = {"train_samples": None, "eval_samples": None}


TASK = ChatTask()
