"""Chat: conversations whose answers are trained, in a directory as LLaMA-Factory reads it."""

from penstock.tasks import ChatTask


class Chat(ChatTask):
    """Any conversations."""

    name = "chat"
    directory = "Chat"


TASK = Chat()
