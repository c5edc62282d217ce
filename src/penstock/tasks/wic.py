"""Word in context (Pilehvar and Camacho-Collados 2019, in SuperGLUE): one meaning or two?"""

from penstock.tasks import Integer, Label, LabelWordTask, Text


class WiC(LabelWordTask):
    """Does the word have the same meaning in both sentences, Yes or No?"""

    name = "wic"
    directory = "WIC"
    prefix = "wic"
    fields = {
        "word": Text(),
        "sentence1": Text(),
        "sentence2": Text(),
        "start1": Integer(),
        "start2": Integer(),
        "end1": Integer(),
        "end2": Integer(),
        "idx": Integer(),
        "label": Label("no", "yes"),
    }
    text_fields = ("sentence1", "sentence2", "word")
    label_words = ("No", "Yes")
    template = (
        'Does the word "{word}" have the same meaning in these two sentences? Yes, No?\n'
        "{sentence1}\n{sentence2}\n"
    )


TASK = WiC()
