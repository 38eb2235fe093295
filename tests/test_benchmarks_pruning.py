"""``python -m benchmarks pruning``, ``prune-time`` and ``pruned-speed``: what is recorded, and what follows from it."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmarks.__main__ import main
from benchmarks.accuracy import finetuned
from benchmarks.figures import Figure
from benchmarks.pruned_speed import pruned_shapes, scaled
from benchmarks.pruning import answers_of, measure_pruning
from benchmarks.pruning_figures import (
    FLOAT,
    MOST_POINTS,
    drop_text,
    drops,
    fall_of_macs,
    macs_at,
    pruning_figures,
    right_answers,
)
from benchmarks.pruning_results import (
    Answers,
    PrunedShape,
    PrunedSpeedResults,
    PruneTimeResults,
    PruningResults,
    PruningRun,
    TimedPruning,
)
from benchmarks.records import Records, load_all, save
from benchmarks.render import render, text
from benchmarks.results import SCHEMA, DataFile, Machine, MeasuredFile, Process, Trial
from benchmarks.stats import fall_of_time, mean_interval, speed_up, t_quantile
from benchmarks.suite import load_suite
from edgebert.checkpoint import load_model
from edgebert.data import read_dataset
from edgebert.errors import UsageError
from edgebert.evaluation import evaluate
from edgebert.shape import Architecture, VocabularyCut
from edgebert.training.finetune import FinetuneOptions
from edgebert.types import silent
from tests import fakes

MACHINE = Machine(
    model="Fast(tm) CPU", features="x86_64", cores=2, memory_bytes=8 * 10**9, system="Linux 1", python="3.11.7"
)
BASE = Architecture(
    hidden=768,
    head_dim=64,
    heads=(12,) * 6,
    neurons=(3072,) * 6,
    vocabulary=30522,
    positions=512,
    activation="gelu",
)
SMALL = dataclasses.replace(BASE, hidden=384, head_dim=32, neurons=(1536,) * 6)
DATA = DataFile(name="dev.tsv", sha256="1" * 64, examples=1000)
TEXTS = 1000
RIGHT = 880
VOCABULARY = VocabularyCut(
    tokens_before=30522,
    tokens_after=9000,
    bytes_saved=1,
    texts=90,
    unknown_before=0.0,
    unknown_after=0.01,
    tokens_per_text_before=20.0,
    tokens_per_text_after=20.5,
    agreement=0.99,
    accuracy_before=0.9,
    accuracy_after=0.9,
)
# Drops in points, seed by seed, that lie safely below what is asked for.
FINE = {(0.6, 0.0): (0.1, 0.2, 0.3), (0.5, 0.0): (0.8, 0.9, 1.0), (0.6, 2.0): (-0.4, -0.5, -0.6)}
FINE |= {(0.5, 2.0): (-0.2, -0.3, -0.4), (0.35, 2.0): (0.0, 0.1, -0.1), (0.25, 2.0): (0.9, 1.0, 1.1)}
FINE |= {(0.35, 0.0): (3.0, 4.0, 5.0), (0.25, 0.0): (8.0, 9.0, 11.0)}


def said(points: float) -> str:
    """Return answers that are right so many points less often than before the cut; '1' is always right."""
    right = RIGHT - round(points * TEXTS / 100)
    return "1" * right + "0" * (TEXTS - right)


def shape_at(share: float) -> Architecture:
    layers = 5 if share < 0.3 else 6
    return dataclasses.replace(SMALL, heads=(6,) * layers, neurons=(max(8, round(1536 * share) // 8 * 8),) * layers)


def pruning_results(lost=FINE, **changes: object) -> PruningResults:
    runs = [
        PruningRun(
            seed=seed,
            share=share,
            distill=distill,
            macs_share=share - 0.01,
            architecture=shape_at(share),
            learning_rate=2e-5 if distill else None,
            wall_ns=10**10,
            load_average=0.2,
            answers=Answers(torch=said(points), int8_onnx=said(points + 0.2)),
        )
        for (share, distill), values in lost.items()
        for seed, points in enumerate(values)
    ]
    values = {
        "schema": SCHEMA,
        "kind": "pruning",
        "date": "2026-01-02",
        "machine": MACHINE,
        "commands": ("python -m benchmarks pruning",),
        "packages": (),
        "encoder": "encoder",
        "train": DATA,
        "evaluation": DATA,
        "checkpoint_sha256": "2" * 64,
        "original": SMALL,
        "sample": 1024,
        "tokens_per_text": 23.5,
        "expected": "1" * TEXTS,
        "answers": Answers(torch=said(0), int8_onnx=said(0.1)),
        "vocabulary": VOCABULARY,
        "runs": tuple(runs),
    }
    return PruningResults(**(values | changes))


def prune_time_results(seconds=(60.0, 300.0)) -> PruneTimeResults:
    return PruneTimeResults(
        schema=SCHEMA,
        kind="prune-time",
        date="2026-01-02",
        machine=MACHINE,
        commands=("python -m benchmarks prune-time",),
        packages=(),
        train=DATA,
        load_average=0.1,
        timed=tuple(
            TimedPruning(
                name=name,
                checkpoint=f"the {name} one",
                architecture=BASE,
                process=Process(
                    command="edgebert prune", wall_ns=round(1e9 * wall), cpu_ns=10**9, peak_rss_bytes=10**9
                ),
            )
            for name, wall in zip(("fine-tuned", "base"), seconds, strict=True)
        ),
    )


def pruned_speed_results(follow: float = 0.95, times_faster: float = 4.0, wobble: float = 0.0, **sizes: int):
    """Return results in which int8 files save ``follow`` of what their MACs do; in odd rounds the cut ones are
    ``wobble`` slower and the uncut ones as much faster, in even rounds the other way around.
    """
    shapes = (
        PrunedShape(name="unpruned", share=1.0, architecture=BASE),
        *(
            PrunedShape(name=f"keep {share:g}", share=share, architecture=scaled(shape_at(share), SMALL, BASE))
            for share in (0.5, 0.35, 0.25)
        ),
    )
    suite = dataclasses.replace(load_suite("distilbert-base", rounds=4, runs=3), signatures=(32, 128))
    names = ["unpruned float32.onnx", "unpruned float32.tflite"]
    names += [f"{shape.name} int8.{kind}" for shape in shapes for kind in ("onnx", "tflite")]

    def ms(name: str, length: int) -> float:
        shape = next(shape for shape in shapes if name.startswith(f"{shape.name} "))
        if "float32" in name:
            return length * times_faster
        return length * (1 - follow * (1 - macs_at(shape.architecture, length) / macs_at(BASE, length)))

    trials = tuple(
        Trial(
            file=name,
            length=length,
            round=number,
            load_ns=1,
            first_ns=1,
            run_ns=(round(1e6 * ms(name, length) * (1 + wobble * (-1) ** (number + (place < 4)))),) * suite.runs,
            peak_rss_bytes=10**8,
            logits=(0.5, -0.5),
        )
        for number in range(suite.rounds)
        for length in suite.lengths
        for place, name in enumerate(names)
    )
    sizes = {FLOAT: 250, "keep 0.35 int8.tflite": 20, "keep 0.35 int8.onnx": 21} | sizes
    return PrunedSpeedResults(
        schema=SCHEMA,
        kind="pruned-speed",
        date="2026-01-02",
        machine=MACHINE,
        commands=("python -m benchmarks pruned-speed",),
        packages=(),
        suite=suite,
        cut_date="2026-01-02",
        cut_checkpoint_sha256="2" * 64,
        cut_seed=0,
        shapes=shapes,
        files=tuple(
            MeasuredFile(
                name=name,
                precision="float32" if "float32" in name else "int8",
                runtime="litert" if name.endswith("tflite") else "onnxruntime",
                runtime_version="1",
                size_bytes=10**6 * sizes.get(name, 60),
                sha256="0" * 64,
            )
            for name in names
        ),
        trials=trials,
        load_average=0.1,
    )


def records(**changes: object) -> Records:
    fine = {
        "pruning": (pruning_results(),),
        "prune_time": (prune_time_results(),),
        "pruned_speed": (pruned_speed_results(),),
    }
    return Records(**(fine | changes))


def verdicts(figures: tuple[Figure, ...]) -> dict[str, str]:
    return {figure.what: figure.verdict for figure in figures}


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 7, 30])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_the_t_quantile_is_that_of_scipy(degrees, level):
    """The closed form agrees with scipy for odd and even degrees of freedom, to nine digits."""
    assert t_quantile(degrees, level) == pytest.approx(stats.t.ppf((1 + level) / 2, degrees), rel=1e-9)


@settings(max_examples=50)
@given(st.lists(st.floats(-5, 5), min_size=2, max_size=6).filter(lambda values: len(set(values)) > 1))
def test_the_interval_of_a_mean_is_that_of_scipy(values):
    """Mean and Student's interval over seeds equal scipy's."""
    found = mean_interval(values)
    error = np.std(values, ddof=1) / math.sqrt(len(values))
    if error < 1e-12:
        return
    low, high = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=error)
    assert (found.value, found.low, found.high) == pytest.approx((np.mean(values), low, high), rel=1e-6, abs=1e-9)


def test_the_mean_of_one_seed_has_no_bounds():
    """One seed says nothing of the next: its figure is never certain, and its text shows no interval."""
    found = mean_interval((0.5,))
    assert (found.value, found.low, found.high) == (0.5, -math.inf, math.inf)
    assert drop_text((0.5,)) == "+0.50 points, 1 seed"
    results = pruning_results({(0.6, 0.0): (0.1,)})
    figure = next(iter(pruning_figures(records(pruning=(results,)))))
    assert figure.verdict == "met, but the interval reaches across"
    with pytest.raises(UsageError, match="nothing"):
        mean_interval(())


def test_a_drop_is_counted_from_the_answers():
    """Each seed's drop is the share of answers that were right before minus that after, whatever answers changed."""
    results = pruning_results()
    assert drops(results, 0.5, 0.0) == pytest.approx((0.8, 0.9, 1.0))
    assert drops(results, 0.5, 2.0) == pytest.approx((-0.2, -0.3, -0.4))
    assert drops(results, 0.5, 0.0, int8=True) == pytest.approx((1.0, 1.1, 1.2))
    assert drops(results, 0.9, 0.0) == ()
    assert right_answers("0121", "0111") == 3
    assert drop_text((0.8, 0.9, 1.0)) == "+0.90 (+0.65 to +1.15) points, 3 seeds"
    assert drop_text((-0.001, 0.0, 0.0)).startswith("+0.00 ")


def test_figures_of_pruning_that_are_reached_are_met():
    """With everything reached, every one of the 24 verdicts is 'met'."""
    fine = records(pruned_speed=(pruned_speed_results(times_faster=4.0),))
    figures = pruning_figures(fine)
    assert len(figures) == 24
    assert set(verdicts(figures).values()) == {"met"}


@pytest.mark.parametrize(("share", "distill"), MOST_POINTS)
def test_a_drop_that_is_too_large_is_missed_alone(share, distill):
    """Each drop has its own bound: half a point above it is missed, and nothing else is."""
    most = MOST_POINTS[share, distill]
    results = pruning_results(FINE | {(share, distill): (most + 0.4, most + 0.5, most + 0.6)})
    missed = [
        what for what, verdict in verdicts(pruning_figures(records(pruning=(results,)))).items() if verdict != "met"
    ]
    assert len(missed) == 1
    assert f"{share:g} of MACs" in missed[0]
    assert ("distillation" in missed[0]) == bool(distill)


def test_a_drop_of_exactly_the_bound_is_met():
    """'At most 0' is met by no drop at all, certainly where the seeds agree, and not certainly where they do not."""
    for lost, wanted in (
        ((0.0, 0.0, 0.0), "met"),
        ((-0.5, 0.5, 0.0), "met, but the interval reaches across"),
        ((-0.4, 0.5, 0.2), "MISSED, but the interval reaches across"),
        ((0.1, 0.1, 0.1), "MISSED"),
    ):
        results = pruning_results(FINE | {(0.5, 2.0): lost})
        figures = verdicts(pruning_figures(records(pruning=(results,))))
        assert figures["drop of accuracy, 0.5 of MACs kept, 2 epochs of distillation"] == wanted


@pytest.mark.parametrize(
    ("change", "what", "count"),
    [
        ({"prune_time": (prune_time_results((120.0, 300.0)),)}, "fine-tuned checkpoint", 1),
        ({"prune_time": (prune_time_results((60.0, 600.5)),)}, "DistilBERT-base shape", 1),
        ({"pruned_speed": (pruned_speed_results(follow=0.84, times_faster=9.0),)}, "fall of time", 12),
        ({"pruned_speed": (pruned_speed_results(**{"keep 0.35 int8.onnx": 26}),)}, "int8.onnx, vocabulary cut", 1),
        ({"pruned_speed": (pruned_speed_results(**{"keep 0.35 int8.tflite": 26}),)}, "int8.tflite, vocabulary cut", 1),
    ],
)
def test_a_figure_of_time_or_size_that_is_missed_is_named(change, what, count):
    """Each is missed alone when its own number falls short."""
    missed = [name for name, verdict in verdicts(pruning_figures(records(**change))).items() if verdict == "MISSED"]
    assert len(missed) == count
    assert all(what in name for name in missed)


def test_the_wanted_speed_differs_by_length():
    """Files eight times as fast as float reach 7 at 128 tokens and miss 9 at 32."""
    shape = scaled(shape_at(0.35), SMALL, BASE)
    left = [1 - 0.95 * (1 - macs_at(shape, length) / macs_at(BASE, length)) for length in (32, 128)]
    assert left[0] == pytest.approx(left[1], abs=0.01)
    found = verdicts(pruning_figures(records(pruned_speed=(pruned_speed_results(times_faster=8 * left[0]),))))
    speeds = [verdict for what, verdict in found.items() if what.startswith("speed of")]
    assert speeds == ["MISSED", "met"]


def test_noise_between_rounds_makes_a_verdict_uncertain():
    """A file that follows its MACs narrowly is met, but not for sure, when rounds differ."""
    figures = verdicts(pruning_figures(records(pruned_speed=(pruned_speed_results(follow=0.86, wobble=0.05),))))
    followed = [verdict for what, verdict in figures.items() if what.startswith("fall of time")]
    assert "met, but the interval reaches across" in followed


def test_what_was_not_recorded_is_not_measured():
    """Without results no figure is met or missed, and the lines are the same."""
    none = pruning_figures(Records())
    assert set(verdicts(none).values()) == {"not measured"}
    assert [figure.what for figure in none] == [figure.what for figure in pruning_figures(records())]
    free = {key: value for key, value in FINE.items() if not key[1]}
    found = verdicts(pruning_figures(records(pruning=(pruning_results(free),))))
    assert [verdict for what, verdict in found.items() if "epochs" in what] == ["not measured"] * 4


def test_macs_are_those_of_a_brute_force_count():
    """A cut base shape multiplies what a count of its matrix products, row by row, says."""
    shape = dataclasses.replace(BASE, heads=(3, 12), neurons=(100, 8))
    for length in (32, 128):
        total = 0
        for layer, (heads, neurons) in enumerate(zip(shape.heads, shape.neurons, strict=True)):
            read = 1 if layer == 1 else length
            width = heads * 64
            total += 2 * length * 768 * width  # key, value
            total += 2 * read * 768 * width  # query, output
            total += 2 * heads * read * length * 64  # scores and mixing
            total += 2 * read * 768 * neurons
        assert macs_at(shape, length) == total + 768 * 768


def test_the_fall_of_time_is_compared_with_that_of_macs():
    """A file that saves 0.9 of what its MACs do is found to do just that, at its own length."""
    results = pruned_speed_results(follow=0.9)
    for length in (32, 128):
        found = fall_of_time(results, "keep 0.25 int8.onnx", "unpruned int8.onnx", length)
        assert found.value / fall_of_macs(results, "keep 0.25", length) == pytest.approx(0.9, rel=1e-6)
        assert found.low <= found.value <= found.high
        faster = speed_up(results, "keep 0.25 int8.onnx", "unpruned int8.onnx", length)
        assert found.value == pytest.approx(1 - 1 / faster.value)


def test_a_cut_is_scaled_to_the_base_shape():
    """Heads stay as many, neurons double, layers that went stay gone, and everything else is the base's."""
    cut = dataclasses.replace(SMALL, heads=(12, 7, 1, 3), neurons=(1536, 640, 8, 16), vocabulary=5)
    assert scaled(cut, SMALL, BASE) == dataclasses.replace(BASE, heads=(12, 7, 1, 3), neurons=(3072, 1280, 16, 32))
    assert scaled(SMALL, SMALL, BASE) == BASE
    half = dataclasses.replace(SMALL, heads=(24,) * 6, head_dim=16)
    assert scaled(dataclasses.replace(half, heads=(1,) * 6), half, BASE).heads == (1,) * 6
    with pytest.raises(UsageError, match="4 layers, the suite's shape has 6"):
        scaled(cut, dataclasses.replace(SMALL, heads=(12,) * 4, neurons=(1536,) * 4), BASE)
    with pytest.raises(UsageError, match="different widths"):
        scaled(cut, cut, BASE)


def test_the_shapes_come_from_the_recorded_cuts():
    """The seed's cuts are taken, the vocabulary is cut in one of them, and a cut that is missing is named."""
    shapes = pruned_shapes(pruning_results(), BASE, seed=0)
    assert [(shape.name, shape.architecture.vocabulary) for shape in shapes] == [
        ("unpruned", 30522),
        ("keep 0.5", 30522),
        ("keep 0.35", 9000),
        ("keep 0.25", 30522),
    ]
    assert shapes[0].architecture == BASE
    assert shapes[3].architecture.layers == 5
    with pytest.raises(UsageError, match=r"no cut to 0\.5 with seed 7"):
        pruned_shapes(pruning_results(), BASE, seed=7)


def test_results_of_pruning_are_read_back_as_they_were_recorded(tmp_path):
    """All three kinds go to files of their own and come back equal; 872 answers of 24 runs stay far below 1 MB."""
    kept = records()
    for one in (*kept.pruning, *kept.prune_time, *kept.pruned_speed):
        save(tmp_path, one)
    names = [f"2026-01-02-fast-tm-cpu-{kind}.json" for kind in ("prune-time", "pruned-speed", "pruning")]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert load_all(tmp_path) == kept
    assert (tmp_path / names[2]).stat().st_size < 200_000


def test_results_of_an_unknown_kind_are_refused(tmp_path):
    """A file that a newer version recorded is named, not misread."""
    path = save(tmp_path, prune_time_results())
    path.write_text(path.read_text().replace('"kind": "prune-time"', '"kind": "weather"'))
    with pytest.raises(UsageError, match=r"prune-time\.json: kind is 'weather'"):
        load_all(tmp_path)


def test_rendering_pruning_is_deterministic_and_complete(tmp_path):
    """Equal JSON gives equal text and pictures, and the text names what the numbers are of."""
    kept = records()
    for one in (*kept.pruning, *kept.prune_time, *kept.pruned_speed):
        save(tmp_path / "results", one)
    path = render(tmp_path / "results")
    plots = {plot.name: plot.read_bytes() for plot in (tmp_path / "results").glob("*.svg")}
    assert sorted(plots) == ["2026-01-02-fast-tm-cpu-pruned-speed.svg", "2026-01-02-fast-tm-cpu-pruning.svg"]
    shown = path.read_text()
    for expected in (
        "+0.90 (+0.65 to +1.15) points, 3 seeds",
        "880 answers are right (88.00 %), as `int8.onnx` 879",
        "872, 871, 870",
        "leaves 9000 of 30522 tokens",
        "Weights are random",
        "| the base one | 6, 12, 3072 | 300.0 s |",
        "edgebert prune",
        "`keep 0.25`: heads 6 6 6 6 6; neurons",
        *(f"(results/{name})" for name in plots),
    ):
        assert expected in shown
    render(tmp_path / "results")
    assert path.read_text() == shown == text(tmp_path / "results")
    assert {plot.name: plot.read_bytes() for plot in (tmp_path / "results").glob("*.svg")} == plots


def test_a_part_of_the_grid_can_be_rendered(tmp_path):
    """Free runs of one seed alone give a table and a picture."""
    save(tmp_path / "results", pruning_results({(0.5, 0.0): (0.4,)}))
    assert "+0.40 points, 1 seed |" in render(tmp_path / "results").read_text()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Labelled texts to train on and to score on."""
    folder = tmp_path_factory.mktemp("texts")
    rows = [
        (f"{text} {word} {index}", int(word == "good"))
        for index in range(3)
        for text in fakes.TEXTS
        for word in ("good", "bad")
    ]
    return fakes.write_data(folder / "train.tsv.gz", rows), fakes.write_data(folder / "dev.tsv", rows[:16])


class Stop(Exception):
    """What a test interrupts a benchmark with."""


def test_a_killed_benchmark_goes_on_after_its_last_run(files, tmp_path):
    """Runs that were finished are taken as they are, also by a call that asks for others; other texts start over."""
    train, dev = read_dataset(files[0]), read_dataset(files[1])
    asked = {"shares": (0.6, 0.5), "epochs": (0.0, 1.0), "seeds": (0,)}
    stages: list[str] = []

    def stop_late(stage: str, done: int, total: int) -> None:
        stages.append(stage)
        if stage.startswith("0.5, 1 epochs"):
            raise Stop

    with pytest.raises(Stop):
        measure_pruning(fakes.shared_checkpoint(), train, dev, tmp_path, **asked, progress=stop_late)
    (folder,) = tmp_path.iterdir()
    finished = {path.name: path.read_bytes() for path in folder.glob("*.json")}
    assert sorted(finished) == ["0.5-0-seed0.json", "0.6-0-seed0.json", "0.6-1-seed0.json", "uncut.json"]
    stages.clear()
    found = measure_pruning(
        fakes.shared_checkpoint(),
        train,
        dev,
        tmp_path,
        **asked,
        progress=lambda stage, done, total: stages.append(stage),
    )
    assert {stage.partition(":")[0] for stage in stages} == {"seed 0", "0.5, 1 epochs, seed 0"}
    assert {name: (folder / name).read_bytes() for name in finished} == finished
    assert [(run.distill, run.share) for run in found.runs] == [(0.0, 0.6), (0.0, 0.5), (1.0, 0.6), (1.0, 0.5)]
    assert all(run.macs_share <= run.share for run in found.runs)
    assert {len(run.answers.torch) for run in found.runs} == {len(run.answers.int8_onnx) for run in found.runs} == {16}
    assert found.expected == "".join(str(example.label) for example in dev.examples)
    assert found.vocabulary.tokens_after < found.vocabulary.tokens_before == len(fakes.VOCABULARY)
    # A distilled model and its free one have the same shape: the cut is the same.
    assert found.runs[0].architecture == found.runs[2].architecture

    stages.clear()
    again = measure_pruning(
        fakes.shared_checkpoint(),
        train,
        dev,
        tmp_path,
        shares=(0.5,),
        epochs=(0.0,),
        seeds=(0,),
        progress=lambda stage, done, total: stages.append(stage),
    )
    assert (stages, again) == ([], found)
    fewer = dataclasses.replace(dev, sha256="f" * 64)
    with pytest.raises(Stop):
        measure_pruning(fakes.shared_checkpoint(), train, fewer, tmp_path, **asked, progress=_stop)


def _stop(stage: str, done: int, total: int) -> None:
    raise Stop


def test_answers_are_those_of_the_library(files):
    """The recorded answers are as often right as `edgebert evaluate` says of the checkpoint; int8 differs little."""
    dev = read_dataset(files[1], labels=fakes.LABELS)
    model = load_model(fakes.shared_checkpoint())
    found = answers_of(model, dev, silent)
    expected = "".join(str(example.label) for example in dev.examples)
    (score,) = evaluate(fakes.shared_checkpoint(), dev).results
    assert right_answers(found.torch, expected) == round(score.value * len(expected))
    assert right_answers(found.int8_onnx, found.torch) >= len(expected) - 2
    assert len(set(found.torch)) == 2


def test_labels_that_no_digit_names_are_refused(files, tmp_path):
    """More than ten labels would need more than a digit for an answer."""
    dev, grid = read_dataset(files[1]), {"shares": (0.5,), "epochs": (0.0,), "seeds": (0,)}
    many = dataclasses.replace(dev, labels=tuple(map(str, range(11))))
    with pytest.raises(UsageError, match=r"dev\.tsv: 11 labels"):
        measure_pruning(fakes.shared_checkpoint(), dev, many, tmp_path, **grid, progress=silent)
    with pytest.raises(UsageError, match="nothing to prune"):
        measure_pruning(fakes.shared_checkpoint(), dev, dev, tmp_path, **grid | {"shares": ()}, progress=silent)


def test_a_checkpoint_is_fine_tuned_again_only_for_other_texts(files, tmp_path):
    """The same texts and options take up the checkpoint; other options, or a damaged file, make it anew."""
    train, options = read_dataset(files[0]), FinetuneOptions(epochs=0.2, batch_size=8, max_length=16)

    def steps(options: FinetuneOptions) -> int:
        seen: list[str] = []
        finetuned(
            train,
            None,
            tmp_path,
            base=fakes.shared_checkpoint(),
            options=options,
            progress=lambda stage, done, total: seen.append(stage),
        )
        return len(seen)

    assert steps(options) > 0
    assert steps(options) == 0
    assert steps(dataclasses.replace(options, seed=1)) > 0
    fakes.flip_byte(tmp_path / "model" / "model.safetensors")
    assert steps(dataclasses.replace(options, seed=1)) > 0


def test_pruning_is_measured_from_texts_to_results(files, tmp_path, capsys):
    """pruning, prune-time and pruned-speed run as commands one after the other, and everything is recorded once."""
    (tmp_path / "tiny.toml").write_text(
        f"""
name = "tiny"
description = "a tiny shape"
labels = 2
seed = 0
signatures = [8, 16]
lengths = [8]
threads = 1
rounds = 2
warm_up = 1
runs = 2
[architecture]
hidden = 32
head_dim = 4
heads = [8, 8]
neurons = [256, 256]
vocabulary = {len(fakes.VOCABULARY)}
positions = 64
activation = "gelu"
"""
    )
    train, dev = files
    base = fakes.tiny_checkpoint(tmp_path / "encoder", heads=8, neurons=128)
    options = ["--suite", str(tmp_path / "tiny.toml"), "--build", str(tmp_path / "build")]
    options += ["--results", str(tmp_path / "results"), "--base", str(base)]
    texts = ["--train", str(train), "--eval", str(dev)]
    assert main(["pruned-speed", *options]) == 2
    assert "python -m benchmarks pruning" in capsys.readouterr().err
    grid = ["--seeds", "0", "--only", "free", "--shares", "0.5,0.35,0.25"]
    assert main(["pruning", *options, *texts, *grid]) == 0
    assert main(["prune-time", *options, *texts]) == 0
    assert main(["pruned-speed", *options]) == 0
    found = load_all(tmp_path / "results")
    (cuts,), (timed,), (speed,) = found.pruning, found.prune_time, found.pruned_speed
    assert cuts.commands == ("python -m benchmarks pruning --train train.tsv.gz --eval dev.tsv --seeds 0",)
    assert [run.share for run in cuts.runs] == [0.5, 0.35, 0.25]
    assert [item.name for item in timed.timed] == ["fine-tuned", "base"]
    assert all(item.process.wall_ns > 10**8 for item in timed.timed)
    assert str(tmp_path) not in timed.timed[0].process.command.partition("--train")[2].partition("--keep")[0]
    assert len(speed.files) == 10
    assert len(speed.trials) == 20
    assert speed.suite.signatures == (8,)
    sizes = {file.name: file.size_bytes for file in speed.files}
    assert sizes["keep 0.25 int8.onnx"] < sizes["unpruned int8.onnx"] < sizes[FLOAT]
    shapes = {shape.name: shape.architecture for shape in speed.shapes}
    assert shapes["keep 0.35"].vocabulary == cuts.vocabulary.tokens_after
    assert shapes["keep 0.5"].neurons == tuple(2 * width for width in cuts.runs[0].architecture.neurons)
    assert (tmp_path / "RESULTS.md").read_text() == text(tmp_path / "results")
    capsys.readouterr()
    main(["check", *options])
    assert "MACs kept" in capsys.readouterr().out
