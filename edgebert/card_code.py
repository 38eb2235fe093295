"""How to use a bundle, for its model card: lines of Python, Kotlin and JavaScript, its inputs and outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgebert.printable import markdown_code
from edgebert.tasks import task_head

if TYPE_CHECKING:
    from edgebert.manifest import Manifest
    from edgebert.meaning import Task

_REVIEW = '"The battery died after two days."'


@dataclass(frozen=True, slots=True, kw_only=True)
class _Calls:
    """How a task is called: texts of an example as they are written in code, and what an answer shows.

    Attributes:
        texts: Arguments of one answer, the same in each language.
        python: What is printed of an answer in Python.
        factory: Function of ``TextModel`` in the core of the Android demo.
        kotlin: What is taken of an answer there.
    """

    texts: tuple[str, ...]
    python: str
    factory: str
    kotlin: str


_CALLS: dict[Task, _Calls] = {
    "text-classification": _Calls(
        texts=(_REVIEW,),
        python="answer.label, answer.probability",
        factory="classifier",
        kotlin=".label()",
    ),
    "multi-label-classification": _Calls(
        texts=(_REVIEW,),
        python="answer.labels, answer.probabilities",
        factory="labeler",
        kotlin=".answered()",
    ),
    "text-regression": _Calls(texts=(_REVIEW,), python="answer.value", factory="regressor", kotlin=""),
    "token-classification": _Calls(
        texts=('"Ada Lovelace was born in London."',),
        python="[(entity.text, entity.type) for entity in answer.entities]",
        factory="entityFinder",
        kotlin=".map { it.text() to it.type() }",
    ),
    "question-answering": _Calls(
        texts=('"Where was Ada Lovelace born?"', '"Ada Lovelace was born in London."'),
        python="answer.answer, answer.score",
        factory="answerFinder",
        kotlin=".answer()",
    ),
    "feature-extraction": _Calls(texts=(_REVIEW,), python="answer.vector", factory="embedder", kotlin=".toList()"),
}


def run_text(manifest: Manifest) -> str:
    """Return how to run a bundle in Python, Kotlin and JavaScript; only with the formats that it has."""
    shipped = [item.file for item in manifest.artifacts if item.role == "shipped"]
    file = "int8.onnx" if "int8.onnx" in shipped else next(iter(shipped), "int8.onnx")
    parts = ["## How to run it", _python(manifest), _kotlin(manifest, file)]
    parts += [_javascript(manifest)] if any(name.endswith(".onnx") for name in shipped) else []
    return "\n\n".join(parts)


def _python(manifest: Manifest) -> str:
    calls = _CALLS[manifest.task]
    text = calls.texts[0] if len(calls.texts) == 1 else f"({', '.join(calls.texts)})"
    return f"""**Python**, with `edgebert` and its extra `runtimes`; `bundle` is this folder:

```python
import edgebert

for answer in edgebert.predict("bundle", [{text}]):
    print({calls.python})
```"""


def _kotlin(manifest: Manifest, file: str) -> str:
    calls = _CALLS[manifest.task]
    backend = "OnnxRuntimeBackend" if file.endswith(".onnx") else "LiteRtBackend"
    option = "" if file == "int8.onnx" else f" --file {file}"
    command = f"edgebert embed bundle --android app/src/main/assets --kotlin-package com.example.app{option}"
    test = "SelfTest.run(model, bundle.golden(file), file.tolerance()).check()"
    said = (
        f"**Android (Kotlin)**, after `{command}`. `EdgebertModel` is in the file that this command writes; the other "
        "classes are in edgebert's `android-demo`. Call them outside the main thread, and run "
        f"`{test}` once on each device before the first answer:"
    )
    return f"""{said}

```kotlin
val bundle = Bundle.open(AssetSource(context.assets), EdgebertModel.digest, EdgebertModel.publicKey)
val file = bundle.manifest().artifact("{file}")
val path = ModelStore(bundle, File(context.noBackupFilesDir, "models")).path(file)
val model = TextModel.{calls.factory}(bundle, file, {backend}.open(file, path, 2))
println(model.answer({", ".join(calls.texts)}).value(){calls.kotlin})
```"""


def _javascript(manifest: Manifest) -> str:
    calls = _CALLS[manifest.task]
    page = "docs/web-demo/build.py --bundle bundle"
    return f"""**Browser (JavaScript)**, in a module of the page that edgebert's `{page}` makes:

```javascript
import {{ Client }} from "./js/client.js";

const client = new Client(new URL("./js/worker.js", import.meta.url), ({{ step }}) => console.log(step));
const {{ value }} = await client.answer({", ".join(calls.texts)});
console.log(value);
```"""


def inputs_text(manifest: Manifest) -> str:
    """Return how a text becomes inputs, and what the outputs are."""
    text, formats = manifest.text, {item.format for item in manifest.artifacts}
    lengths = ", ".join(map(str, text.lengths))
    casing = "lower-cased and " if text.lower_case else ""
    read = (
        f"Texts are {casing}split into tokens by the WordPiece tokenizer in `tokenizer.json` (`vocab.txt` lists the "
        f"same tokens). `[CLS]` is put in front and `[SEP]` behind; longer inputs are cut at {text.max_length} tokens. "
        f"The inputs are `input_ids` and `attention_mask`. {_outputs_text(manifest)}."
    )
    said = [read]
    if text.added_tokens:
        names = ", ".join(markdown_code(token.content) for token in text.added_tokens)
        said.append(f"Added tokens are split from the text first: {names}. Their IDs are in `edgebert.json`.")
    rules = {
        "onnx": "- ONNX: int64 inputs of any length. Run one text at a time, without padding.",
        "tflite": f"- TFLite: int32 inputs. The signatures are `len{text.lengths[0]}`, ... for the lengths {lengths}. "
        f"Use the smallest that fits, and pad with {text.pad_id}.",
    }
    said.append("\n".join(rule for name, rule in rules.items() if name in formats))
    said.append(
        "`golden.json` has inputs with the token IDs and outputs that every app must reproduce: the token IDs exactly, "
        "the outputs within the tolerance that `edgebert.json` states for the file. The files in `baseline/` are for "
        "measuring: they do not go into an app."
    )
    return "\n\n".join(["## Inputs and outputs", *said])


def _outputs_text(manifest: Manifest) -> str:
    """Return what the outputs of the files are."""
    outputs = task_head(manifest.task).outputs
    named = ", ".join(f"`{name}` ({' x '.join(dims)})" for name, dims in outputs.items())
    if manifest.task == "text-classification":
        named = "`logits`"
    order = ", in the order of the labels above" if manifest.labels else ""
    return f"{'The output is' if len(outputs) == 1 else 'The outputs are'} {named}{order}"
