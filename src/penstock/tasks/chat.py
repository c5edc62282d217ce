"""Chat: conversations whose answers are learned, in a directory as LLaMA-Factory reads it."""

from __future__ import annotations

from penstock.tasks import ChatTask


class Chat(ChatTask):
    """Any conversations: what is learned is up to the dataset."""

    name = "chat"
    directory = "Chat"


TASK = Chat()
