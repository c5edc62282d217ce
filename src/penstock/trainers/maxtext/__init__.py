"""MaxText: settings for its input pipelines."""

from penstock.trainers._base import Trainer
from penstock.trainers.maxtext.export import MaxTextExporter

TRAINER = Trainer("maxtext", exporter=MaxTextExporter())
