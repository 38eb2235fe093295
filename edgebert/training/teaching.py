"""A teacher of a fine-tuning: a DistilBERT or a BERT of the same task, labels and vocabulary."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebert.checkpoint import load_model
from edgebert.errors import CheckpointError, DataError
from edgebert.folder import locate, read_config
from edgebert.progress import note
from edgebert.task_config import read_meaning
from edgebert.tensors import read_tensors, weight_files
from edgebert.tokenizer import load_tokenizer
from edgebert.training.imitation import layers_of

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

    from edgebert.meaning import Task

_BERTS: dict[Task, str] = {
    "text-classification": "BertForSequenceClassification",
    "multi-label-classification": "BertForSequenceClassification",
    "text-regression": "BertForSequenceClassification",
    "token-classification": "BertForTokenClassification",
    "question-answering": "BertForQuestionAnswering",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """Who is learnt from.

    Attributes:
        module: The model, in evaluation mode and without gradients.
        layers: Its layer whose output each of the student's layers is compared with; none where widths differ.
    """

    module: torch.nn.Module
    layers: tuple[int, ...]


def load_teacher(
    source: str | Path, task: Task, labels: tuple[str, ...], tokenizer: Tokenizer, student: torch.nn.Module
) -> Teacher:
    """Return a teacher for a student of this task, these labels and this tokenizer.

    Raises:
        CheckpointError: It is of another kind, task or vocabulary, or it is incomplete or damaged.
        DataError: It has other labels than the data.
        EnvironmentProblem: It has to come from the Hub, which cannot be reached.
    """
    folder, name = locate(source)
    if read_config(folder).get("model_type") == "bert":
        module, found = _load_bert(folder, task)
        vocabulary = load_tokenizer(folder)
    else:
        model = load_model(source)
        if model.checkpoint.task != task:
            raise CheckpointError(
                f"{name}: its task is {model.checkpoint.task}, the data is for {task}",
                hint="choose a teacher that was trained for the task",
            )
        module, found, vocabulary = model.module, model.checkpoint.labels, model.tokenizer
    if found != labels:
        raise DataError(
            f"{name}: the teacher's labels are {', '.join(found)}, those of the data are {', '.join(labels)}",
            hint="choose a teacher that was trained with the same labels in the same order",
        )
    _check_vocabulary(vocabulary, tokenizer, name)
    ours, theirs = (len(layers_of(one)[0]) for one in (student, module))
    layers = tuple((layer + 1) * theirs // ours - 1 for layer in range(ours))
    widths = [one.base_model.embeddings.word_embeddings.embedding_dim for one in (student, module)]  # type: ignore[union-attr]
    if widths[0] != widths[1] or theirs < ours:
        note(f"the hidden states of {name} are not compared: its width or number of layers does not fit the student's")
        layers = ()
    return Teacher(module=module, layers=layers)


def _check_vocabulary(teacher: Tokenizer, student: Tokenizer, name: str) -> None:
    texts = ("Good morning, Zoë! It's 10 o'clock.", "naïve UNBELIEVABLE re-read 价格 😀")
    is_same = teacher.get_vocab() == student.get_vocab()
    if not is_same or any(teacher.encode(text).ids != student.encode(text).ids for text in texts):
        raise CheckpointError(
            f"{name}: the teacher splits texts into other tokens than the student: it has another vocabulary",
            hint="choose a teacher with the student's vocabulary, as BERT and the DistilBERT made from it have",
        )


def _load_bert(folder: Path, task: Task) -> tuple[torch.nn.Module, tuple[str, ...]]:
    """Return a BERT with a head and its labels; every tensor is there, in its shape, and nothing is left over."""
    import torch
    import transformers

    if task not in _BERTS:
        raise CheckpointError(
            f"{folder}: a BERT cannot teach {task}",
            hint=f"import its encoder first: edgebert import-bert {folder} --out DIR",
        )
    values = read_config(folder)
    meaning = read_meaning(values, task, folder / "config.json")
    config = transformers.BertConfig.from_dict(values)
    with torch.random.fork_rng(devices=[]):
        module: torch.nn.Module = getattr(transformers, _BERTS[task])(config)
    state = {name: torch.from_numpy(tensor) for name, tensor in read_tensors(weight_files(folder)).items()}
    state.pop("bert.embeddings.position_ids", None)
    wanted = module.state_dict()
    for name, tensor in wanted.items():
        if name not in state or state[name].shape != tensor.shape:
            raise CheckpointError(
                f"{folder}: the tensor {name} of a {_BERTS[task]} is missing or has another shape",
                hint=f"choose a BERT that was trained for {task}",
            )
    module.load_state_dict({name: state[name] for name in wanted})
    module.requires_grad_(requires_grad=False)
    return module.eval(), meaning.labels
