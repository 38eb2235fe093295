"""The content of a bundle: its manifest and its golden texts, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgebert.architecture import Architecture, Pruning
from edgebert.arguments import Count, Number, Positive, Share
from edgebert.meaning import NO_SETTINGS, Meaning, Task, TaskSettings
from edgebert.recipe import Format, Precision, Recipe

Role = Literal["shipped", "baseline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedToken:
    """A token that is taken out of a text before WordPiece sees it, wherever it is.

    Attributes:
        content: Its text.
        id: Its id.
        normalized: Whether it is searched for in the normalized text; otherwise in the text as typed.
        special: Whether it is a special token; this does not change the ids of a text.
    """

    content: str
    id: int
    normalized: bool
    special: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSpec:
    """How a text becomes ids: what an app has to reproduce.

    Attributes:
        lower_case: Whether texts are lower-cased (and accents stripped, as Hugging Face does with it).
        max_length: Longest input in tokens, ``[CLS]`` and ``[SEP]`` included; longer texts are truncated.
        lengths: Input lengths a TFLite file has a signature for, ascending; the smallest that fits is used.
        pad_id: Token id that fills an input up to its length (attention mask 0).
        cls_id: Token id every input starts with.
        sep_id: Token id every input ends with.
        unk_id: Token id of a word that the vocabulary cannot spell.
        added_tokens: Added tokens by ascending id, without the special tokens of BERT that ``vocab.txt`` lists; came
            with schema 3.
    """

    lower_case: bool
    max_length: int
    lengths: tuple[int, ...]
    pad_id: int
    cls_id: int
    sep_id: int
    unk_id: int
    added_tokens: tuple[AddedToken, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSpec:
    """One input or output of a file; a dimension is a size, or a name when it is free."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """An operator a file needs from its runtime: ``version`` is the opset (ONNX) or the kernel version (TFLite)."""

    name: str
    version: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Bytes of constants that one part of the model takes in a file."""

    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """A runtime in which a file reproduced the golden logits.

    Attributes:
        runtime: Name of the runtime, as in ``onnxruntime``.
        version: Its version.
        cpu: Instruction set the check ran on, as in ``x86_64 avx512_vnni``.
        texts: Golden texts compared.
        max_difference: Largest absolute difference of a logit to the float model's.
    """

    runtime: str
    version: str
    cpu: str
    texts: int
    max_difference: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A metric of one file in one runtime, paired example by example with the float baseline.

    Attributes:
        file: File inside the bundle, or ``checkpoint``.
        runtime: Runtime that computed it.
        metric: Its name, one of ``metrics.METRICS``, which tells the bounds of the numbers here.
        value: The metric.
        low: Lower end of its 95 % interval.
        high: Upper end of its 95 % interval.
        examples: Number of examples scored.
        baseline: File it is compared with; ``None`` for the baseline itself and where there is none.
        difference: ``value`` minus the baseline's.
        difference_low: Lower end of the difference's 95 % interval (paired).
        difference_high: Upper end of the difference's 95 % interval (paired).
        agreement: Share of examples on which file and baseline predict the same label.
        flips: Number of examples on which they do not.
        mcnemar_p: Two-sided exact McNemar p-value of 'both are right equally often'.
    """

    file: str
    runtime: str
    metric: str
    value: Number
    low: Number
    high: Number
    examples: Positive
    baseline: str | None = None
    difference: Number | None = None
    difference_low: Number | None = None
    difference_high: Number | None = None
    agreement: Share | None = None
    flips: Count | None = None
    mcnemar_p: Share | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One model file of a bundle and everything that was found out about it.

    Attributes:
        file: Path inside the bundle, with forward slashes.
        role: ``shipped`` goes into the app; ``baseline`` is what it is compared with.
        format: File format.
        precision: Precision of the weights.
        inputs: Inputs of the file (of each signature, with the length left free, for TFLite).
        outputs: Outputs of the file.
        lengths: Signature lengths of a TFLite file; empty when every length is accepted.
        opset: ONNX operator set; ``None`` for TFLite.
        ir_version: ONNX intermediate representation version; ``None`` for TFLite.
        operators: Operators used, with their versions.
        parts: Bytes by part of the model.
        size_bytes: Size of the file.
        sha256: Hash of the file, 64 hex digits.
        tolerance: Largest absolute difference to the golden logits that counts as the same model.
        verified: Runtimes in which the file was seen to be within the tolerance.
        score: Accuracy on the evaluation data; ``None`` when none was given.
    """

    file: str
    role: Role
    format: Format
    precision: Precision
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    lengths: tuple[int, ...]
    opset: int | None
    ir_version: int | None
    operators: tuple[Operator, ...]
    parts: tuple[Part, ...]
    size_bytes: int
    sha256: str
    tolerance: float
    verified: tuple[Verification, ...]
    score: Score | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """A file of a bundle that is no model: its hash and size."""

    file: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelScore:
    """How well a file tells one label or type of entities; 0 where there is nothing to divide by."""

    precision: Share
    recall: Share
    f1: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelChange:
    """One label or type of entities, which is right in the data ``expected`` times, by the baseline and by a file."""

    file: str
    label: str
    expected: Count
    before: LabelScore
    after: LabelScore

    @property
    def change(self) -> float:
        """F1 after minus F1 before."""
        return self.after.f1 - self.before.f1


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationData:
    """The data that the scores of a bundle were computed on, and the labels whose F1 changed most by file."""

    name: str
    sha256: str
    examples: int
    truncated: int
    label_changes: tuple[LabelChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A Python package and the version of it that took part."""

    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a bundle comes from: no time and no path, so that equal inputs give equal manifests."""

    edgebert: str
    checkpoint: str
    checkpoint_sha256: str
    packages: tuple[Package, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """The unpruned model that the baseline files were made from, where that is another one than what ships.

    Its tokenizer and golden texts then are in ``baseline/`` as well.

    Attributes:
        checkpoint: Its name.
        checkpoint_sha256: Its hash.
        architecture: Its shape.
        text: How its texts become ids: cutting the vocabulary renumbers the tokens.
    """

    checkpoint: str
    checkpoint_sha256: str
    architecture: Architecture
    text: TextSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The content of ``edgebert.json``.

    ``original`` and ``pruning`` came with schema 2, the task's name with schema 4, ``settings`` with schema 5. With
    schema 3 came ``digest``, the sha256 of the file with the 64 digits of the digest replaced by zeros, and
    ``left_out``, the files that a slim bundle lacks of the export that it comes from.
    """

    schema: int
    digest: str | None = None
    task: Task
    labels: tuple[str, ...]
    text: TextSpec
    architecture: Architecture
    recipe: Recipe
    artifacts: tuple[Artifact, ...]
    files: tuple[FileEntry, ...]
    evaluation: EvaluationData | None
    provenance: Provenance
    original: Original | None = None
    pruning: Pruning | None = None
    left_out: tuple[FileEntry, ...] = ()
    settings: TaskSettings = NO_SETTINGS

    @property
    def meaning(self) -> Meaning:
        """What the outputs of its files mean."""
        return Meaning(labels=self.labels, settings=self.settings)
