"""Distillation: a cut model comes back, whatever interrupts it, and nothing it was given is changed."""

from __future__ import annotations

import functools
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgebert.checkpoint import Model, load_model
from edgebert.data import TrainingTexts
from edgebert.errors import DataError, EnvironmentProblem, OutputError, UsageError
from edgebert.pruning.surgery import cut
from edgebert.shape import Distillation, Keep
from edgebert.training import course
from edgebert.training.course import rate
from edgebert.training.distill import DistillOptions, _aims, distill
from tests import fakes

OPTIONS = DistillOptions(epochs=4, learning_rate=3e-3, batch_size=16, held_out=0.2, seed=5)
KEEP = Keep(layers=(0, 1), heads=((0, 2), (1,)), neurons=(tuple(range(0, 64, 3)), tuple(range(8))))


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """On matrices this small, threads wait for each other longer than they compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@functools.cache
def teacher() -> Model:
    return load_model(fakes.shared_checkpoint())


@functools.cache
def student() -> Model:
    return cut(teacher(), KEEP)


@functools.cache
def training() -> TrainingTexts:
    """200 texts of one to ten words, and the labels that the teacher gives them."""
    choose = random.Random(0)
    words = [word for word in fakes.WORDS if not word.startswith("##")] + ["zebra", "42", "!"]
    texts = tuple(" ".join(choose.choices(words, k=choose.randint(1, 10))) for _ in range(200))
    return TrainingTexts(name="texts.txt", sha256="0" * 64, texts=texts, labels=tuple(answers(teacher(), texts)))


def answers(model: Model, texts: tuple[str, ...]) -> list[int]:
    ids = [model.tokenizer.encode(text).ids for text in texts]
    with torch.no_grad():
        return [int(model.module(input_ids=torch.tensor([row])).logits.argmax()) for row in ids]


def weights(model: Model) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.module.state_dict().items()}


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def soft_loss_on(model: Model, original: Model, texts: tuple[str, ...]) -> float:
    """The soft loss over some texts at temperature 2, each computed alone."""
    total = 0.0
    for text in texts:
        chances = []
        for one in (model, original):
            with torch.no_grad():
                logits = one.module(input_ids=torch.tensor([one.tokenizer.encode(text).ids])).logits[0]
            chances.append((logits.double() / 2).softmax(dim=0))
        ours, theirs = chances
        total += 4 * float((theirs * (theirs / ours).log()).sum())
    return total / len(texts)


class Stop(Exception):
    """What a test interrupts a training with."""


def stopping_at(last: int, error: BaseException | None = None) -> Callable[[str, int, int], None]:
    def progress(stage: str, step: int, total: int) -> None:
        if step == last:
            raise error or Stop

    return progress


# ----------------------------------------------------------------------------------------------------------- the course


@given(st.integers(1, 200), st.floats(0, 0.99))
def test_the_rate_rises_to_its_peak_and_falls_towards_zero(total, share):
    """Above 0 at every step, 1 at the end of the warm-up and nowhere above, monotone on both sides."""
    warm_up = int(share * total)
    rates = [rate(step, total, warm_up) for step in range(total)]
    assert all(0 < value <= 1 for value in rates)
    assert rates[warm_up] == 1
    assert rates[: warm_up + 1] == sorted(rates[: warm_up + 1])
    assert rates[warm_up:] == sorted(rates[warm_up:], reverse=True)


@pytest.mark.parametrize("epochs", [0.125, 1, 2.5])
def test_the_result_is_the_mean_of_the_second_half(monkeypatch, epochs):
    """Weight by weight, it is the plain average of the student after each step from the middle on."""
    seen: list[dict[str, torch.Tensor]] = []
    step = course._step

    def watched(taken, *rest):
        loss = step(taken, *rest)
        seen.append({name: tensor.clone() for name, tensor in taken.student.state_dict().items()})
        return loss

    monkeypatch.setattr(course, "_step", watched)
    model, _ = distill(student(), teacher(), training(), options=replace(OPTIONS, epochs=epochs))
    half = seen[len(seen) // 2 :]
    for name, tensor in model.module.state_dict().items():
        wanted = torch.stack([weights[name] for weights in half]).double().mean(dim=0)
        assert torch.allclose(tensor.double(), wanted, atol=1e-6), name


def test_a_layer_aims_at_what_the_next_one_expects():
    """With layers gone, the output of the one below makes up for them; with none gone, each aims at its own."""
    assert _aims((0, 1, 2), 3) == (0, 1, 2)
    assert _aims((0, 2, 3), 6) == (1, 2, 5)


# ------------------------------------------------------------------------------------------------------------- recovery


@pytest.fixture(scope="module")
def recovered() -> tuple[Model, Distillation]:
    return distill(student(), teacher(), training(), options=OPTIONS)


def test_a_cut_model_comes_back(recovered):
    """On texts it never saw it is nearer to the original than the cut model was, and agrees with it more often."""
    model, record = recovered
    assert record == Distillation(
        epochs=4,
        learning_rate=3e-3,
        temperature=2,
        labelled=True,
        held_out=40,
        agreement_before=record.agreement_before,
        agreement_after=record.agreement_after,
    )
    assert record.agreement_after > record.agreement_before
    fresh = tuple(f"{text} {fakes.TEXTS[index % 12]}" for index, text in enumerate(training().texts[:60]))
    assert soft_loss_on(model, teacher(), fresh) < 0.6 * soft_loss_on(student(), teacher(), fresh)
    agreed = np.mean(np.equal(answers(model, fresh), answers(teacher(), fresh)))
    assert agreed >= np.mean(np.equal(answers(student(), fresh), answers(teacher(), fresh)))


def test_nothing_that_was_given_is_changed(recovered):
    """Weights, modes, gradients, hooks, tokenizers and the global random state are as before; the result is frozen."""
    before = [weights(student()), weights(teacher())]
    described = [student().tokenizer.to_str(), teacher().tokenizer.to_str()]
    state = torch.random.get_rng_state()
    distill(student(), teacher(), training(), options=replace(OPTIONS, epochs=0.1, dropout=True))
    assert torch.equal(state, torch.random.get_rng_state())
    assert same(before[0], weights(student()))
    assert same(before[1], weights(teacher()))
    assert described == [student().tokenizer.to_str(), teacher().tokenizer.to_str()]
    for model in (student(), teacher(), recovered[0]):
        parts = list(model.module.modules())
        assert not any(part.training or part._forward_hooks for part in parts)
        assert not any(one.requires_grad or one.grad is not None for one in model.module.parameters())
    assert recovered[0].checkpoint == student().checkpoint
    assert not same(weights(recovered[0]), before[0])


def test_equal_arguments_give_equal_weights_and_a_seed_decides(recovered):
    """Whatever the global random state was."""
    torch.manual_seed(99)
    assert same(weights(distill(student(), teacher(), training(), options=OPTIONS)[0]), weights(recovered[0]))
    other = distill(student(), teacher(), training(), options=replace(OPTIONS, seed=6))[0]
    assert not same(weights(other), weights(recovered[0]))


@pytest.mark.parametrize("change", [{"soft": 0.0}, {"hidden": 0.0}, {"task": 0.0}, {"dropout": True}, {"warm_up": 0.5}])
def test_every_setting_has_a_say(recovered, change):
    """Without one of the losses, or with dropout, other weights come out, and none is worse than the start."""
    model, record = distill(student(), teacher(), training(), options=replace(OPTIONS, **change))
    assert not same(weights(model), weights(recovered[0]))
    assert record.labelled is ("task" not in change)
    assert record.agreement_after >= record.agreement_before


def test_labels_are_optional(recovered):
    """Without labels the loss on them is left out, and the record says so."""
    model, record = distill(student(), teacher(), replace(training(), labels=None), options=OPTIONS)
    assert not record.labelled
    assert record.agreement_after > record.agreement_before
    assert not same(weights(model), weights(recovered[0]))
    unweighted = distill(student(), teacher(), training(), options=replace(OPTIONS, task=0))[0]
    assert same(weights(model), weights(unweighted))


def test_a_training_that_only_harms_gives_the_student_back():
    """Against labels that are all wrong nothing beats the start: its weights, bit for bit, are the result."""
    wrong = replace(training(), labels=tuple(1 - label for label in training().labels))
    options = replace(OPTIONS, soft=0, hidden=0, task=1, learning_rate=0.05)
    model, record = distill(student(), teacher(), wrong, options=options)
    assert same(weights(model), weights(student()))
    assert record.agreement_after == record.agreement_before


@pytest.mark.parametrize(("epochs", "steps"), [(0.01, 1), (0.5, 5), (1, 10), (1.25, 13)])
def test_a_fraction_of_an_epoch_ends_within_it(epochs, steps):
    """160 texts in batches of 16 are ten steps an epoch; each is reported with the loss."""
    calls: list[tuple[str, int, int]] = []
    options = replace(OPTIONS, epochs=epochs)
    distill(student(), teacher(), training(), options=options, progress=lambda *call: calls.append(call))
    assert [call[1:] for call in calls] == [(step, steps) for step in range(steps + 1)]
    assert calls[0][0] == "distilling"
    assert all(re.fullmatch(r"distilling \| loss \d+\.\d{3}", stage) for stage, _, _ in calls[1:])


def test_a_model_with_fewer_layers_learns_too():
    """The layer that is left learns to give what the head expects; hidden states alone bring it nearer."""
    shallow = cut(teacher(), replace(KEEP, layers=(0,), heads=KEEP.heads[:1], neurons=KEEP.neurons[:1]))
    options = replace(OPTIONS, soft=0, task=0)
    model, record = distill(shallow, teacher(), training(), options=options, layers=(0,))
    texts = training().texts[:50]
    assert soft_loss_on(model, teacher(), texts) < 0.6 * soft_loss_on(shallow, teacher(), texts)
    assert not record.labelled
    with pytest.raises(UsageError, match="has 1 layers, which cannot come from the layers 0, 1 of the 2"):
        distill(shallow, teacher(), training(), options=options)


def test_a_teacher_may_have_another_vocabulary(tmp_path):
    """A student whose tokenizer splits words differently still learns their answers."""
    tokens = (*fakes.SPECIALS, *reversed(fakes.PIECES), *fakes.VOCABULARY[5 + len(fakes.PIECES) : -12])
    small = load_model(fakes.tiny_checkpoint(tmp_path / "small", vocabulary=tokens))
    model, record = distill(small, teacher(), training(), options=OPTIONS)
    assert soft_loss_on(model, teacher(), training().texts) < 0.7 * soft_loss_on(small, teacher(), training().texts)
    assert record.agreement_after >= record.agreement_before


# -------------------------------------------------------------------------------------------------------------- resume


@pytest.mark.parametrize("dropout", [False, True])
def test_an_interrupted_training_ends_with_the_same_weights(tmp_path, dropout):
    """Stopped twice, once by Ctrl-C, it goes on where it was saved, to the last bit, and cleans up at the end."""
    options = replace(OPTIONS, dropout=dropout)
    whole, record = distill(student(), teacher(), training(), options=options)
    arguments = {"options": options, "work": tmp_path / "work"}
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "mine.txt").write_text("not edgebert's")
    with pytest.raises(Stop):
        distill(student(), teacher(), training(), progress=stopping_at(12), **arguments)
    with pytest.raises(KeyboardInterrupt):
        distill(student(), teacher(), training(), progress=stopping_at(28, KeyboardInterrupt()), **arguments)
    steps: list[int] = []
    resumed, again = distill(
        student(), teacher(), training(), progress=lambda stage, step, total: steps.append(step), **arguments
    )
    assert steps == list(range(25, 41))
    assert same(weights(resumed), weights(whole))
    assert again == record
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["mine.txt"]


def first_step(work: Path, **changes: object) -> int:
    """The step that a training begins at with the state in a folder."""
    steps: list[int] = []

    def progress(stage: str, step: int, total: int) -> None:
        steps.append(step)
        raise Stop

    arguments = {"student": student(), "teacher": teacher(), "training": training(), "options": OPTIONS, **changes}
    with pytest.raises(Stop):
        distill(**arguments, work=work, progress=progress)
    return steps[0]


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A folder with the state after ten steps."""
    with pytest.raises(Stop):
        distill(student(), teacher(), training(), options=OPTIONS, work=tmp_path / "work", progress=stopping_at(12))
    return tmp_path / "work"


def test_only_the_state_of_the_same_training_is_taken_up(stopped):
    """Other options, texts, labels or models start anew; with the same ones it would have gone on."""
    assert first_step(stopped) == 10
    texts = training()
    for changes in (
        {"options": replace(OPTIONS, learning_rate=1e-3)},
        {"training": replace(texts, texts=("other", *texts.texts[1:]))},
        {"training": replace(texts, labels=None)},
        {"student": cut(teacher(), replace(KEEP, heads=((0, 1), (1,))))},
        {"teacher": load_model(fakes.shared_checkpoint()), "options": replace(OPTIONS, seed=1)},
    ):
        copied = fakes.copy_of(stopped, stopped.with_name(f"copy-{len(list(stopped.parent.iterdir()))}"))
        assert first_step(copied, **changes) == 0, changes
        assert not copied.exists()


@pytest.mark.parametrize("damage", ["cut", "bit", "gone", "record", "empty record"])
def test_a_damaged_state_is_ignored(stopped, damage, recovered):
    """A truncated, altered or missing file starts the training anew, and it ends as ever."""
    tensors, record = sorted(stopped.glob("*.safetensors"))[0], next(stopped.glob("*.json"))
    content = tensors.read_bytes()
    if damage == "cut":
        tensors.write_bytes(content[:-100])
    elif damage == "bit":
        tensors.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "gone":
        tensors.unlink()
    else:
        record.write_bytes(b"" if damage == "empty record" else record.read_bytes()[:-20])
    steps: list[int] = []
    model, _ = distill(
        student(),
        teacher(),
        training(),
        options=OPTIONS,
        work=stopped,
        progress=lambda stage, step, total: steps.append(step),
    )
    assert steps[0] == 0
    assert same(weights(model), weights(recovered[0]))
    assert not stopped.exists()


def test_the_folder_holds_one_state_and_no_leftovers(stopped):
    """One record and the files that it names, at most four of them, however often it was written."""
    record = json.loads(next(stopped.glob("*.json")).read_text())
    named = {f"training-{group['sha256']}.safetensors" for group in record["groups"]}
    assert {path.name for path in stopped.iterdir()} == named | {"training.json"}
    assert len(named) <= 4


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    """The message names the place and no traceback of the operating system gets out."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="the state of the training cannot be written"):
        distill(student(), teacher(), training(), options=OPTIONS, work=tmp_path / "file" / "work")


# --------------------------------------------------------------------------------------------------------- bad requests


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", float("nan")),
        ("learning_rate", 1.0),
        ("batch_size", 0),
        ("max_length", 2),
        ("temperature", 0),
        ("soft", -1),
        ("hidden", float("inf")),
        ("task", float("nan")),
        ("warm_up", 1),
        ("held_out", 0),
        ("held_out", 1),
        ("seed", -1),
    ],
)
def test_an_option_out_of_range_is_named(name, value):
    """With its value."""
    with pytest.raises(UsageError, match=f"^{name} is {value}, not "):
        DistillOptions(**{name: value})


def test_texts_that_cannot_teach_are_refused():
    """One text, a label that is none of the model's, and losses that are all off."""
    one = TrainingTexts(name="one.txt", sha256="0" * 64, texts=("good",), labels=None)
    with pytest.raises(DataError, match=r"one\.txt: distillation needs two texts or more, it holds 1"):
        distill(student(), teacher(), one, options=OPTIONS)
    two = TrainingTexts(name="two.tsv", sha256="0" * 64, texts=("good", "bad"), labels=(0, 2))
    with pytest.raises(DataError, match=r"two\.tsv: the label 2 is none of the model's, which are 0 to 1"):
        distill(student(), teacher(), two, options=OPTIONS)
    with pytest.raises(UsageError, match="nothing to learn"):
        distill(student(), teacher(), replace(two, labels=None), options=replace(OPTIONS, soft=0, hidden=0))
    _, record = distill(student(), teacher(), replace(two, labels=(0, 1)), options=OPTIONS)
    assert record.held_out == 1


def test_models_that_do_not_fit_are_refused(tmp_path):
    """Another width or other labels: the teacher is not what the student was cut from."""
    wide = load_model(fakes.tiny_checkpoint(tmp_path / "wide", hidden=16))
    with pytest.raises(UsageError, match="cannot learn from tiny: it has a hidden width of 16, the other of 32"):
        distill(wide, teacher(), training())
    named = load_model(fakes.tiny_checkpoint(tmp_path / "named", labels=("a", "b", "c")))
    with pytest.raises(UsageError, match="it has labels of"):
        distill(named, teacher(), training())


def test_a_training_that_diverges_says_so():
    """A student whose weights overflow is one line with a hint on the learning rate, not a file of NaN."""
    broken = cut(teacher(), KEEP)
    with torch.no_grad():
        broken.module.classifier.weight.mul_(1e38)
    with pytest.raises(UsageError, match="the distillation diverged: the loss is") as caught:
        distill(broken, teacher(), training(), options=OPTIONS)
    assert caught.value.hint == "use a learning rate below 0.003"


def test_a_full_memory_says_what_to_do():
    """What torch and Python raise for it becomes one line; other errors stay what they are."""

    def greedy(stage: str, step: int, total: int) -> None:
        torch.empty(2**60, dtype=torch.uint8)

    for progress in (greedy, stopping_at(1, MemoryError())):
        with pytest.raises(EnvironmentProblem, match="not enough memory for distilling with batches of 16") as caught:
            distill(student(), teacher(), training(), options=OPTIONS, progress=progress)
        assert "smaller batch size" in caught.value.hint
    with pytest.raises(RuntimeError, match="something else"):
        distill(
            student(), teacher(), training(), options=OPTIONS, progress=stopping_at(1, RuntimeError("something else"))
        )
