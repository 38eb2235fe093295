"""Releases: recipes x checkpoints -> bundles in one folder, and an index of what lies there."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from edgebert.bundle import MANIFEST, Bundle, is_bundle, open_bundle, sha256_of
from edgebert.errors import OutputError, UsageError
from edgebert.jsonio import dumps, from_plain
from edgebert.manifest import Role, Score
from edgebert.pipeline import export_bundle
from edgebert.progress import Progress, silent
from edgebert.recipe import Recipe, load_recipe
from edgebert.staging import replace_file, writing

LIST = Path(__file__).parent / "releases.toml"
INDEX = "index.json"
SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One bundle that is shipped.

    Attributes:
        name: Its name, and that of its folder.
        description: One line for people.
        checkpoint: Checkpoint folder or Hub id.
        recipe: Built-in recipe, or a TOML file.
        evaluation: Labelled texts that every file is scored on; ``None`` ships without a score.
        train: Texts that a recipe that prunes learns from; ``None`` where it does not.
        allow_added_tokens: Whether the tokenizer may have added tokens, which the app has to find in a text.
    """

    name: str
    description: str
    checkpoint: str
    recipe: str
    evaluation: str | None = None
    train: str | None = None
    allow_added_tokens: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedFile:
    """A model file in the index: where it is, how large, and how well it does."""

    file: str
    role: Role
    size_bytes: int
    sha256: str
    score: Score | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedBundle:
    """A bundle in the index."""

    folder: str
    manifest_sha256: str
    checkpoint: str
    checkpoint_sha256: str
    recipe: str
    labels: tuple[str, ...]
    files: tuple[IndexedFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """The content of ``index.json``: every bundle of the folder, by name."""

    schema: int
    bundles: tuple[IndexedBundle, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _List:
    releases: tuple[Release, ...]


def read_releases(path: Path = LIST) -> tuple[Release, ...]:
    """Return the releases that a TOML file declares.

    Raises:
        UsageError: The file cannot be read, is malformed, or names a release twice or with other characters than
            lower-case letters, digits and hyphens.
    """
    try:
        declared = from_plain(_List, tomllib.loads(path.read_text(encoding="utf-8")), source=path.name).releases
    except OSError as error:
        raise UsageError(f"{path}: the list of releases cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path.name}: not TOML: {error}") from error
    names = [release.name for release in declared]
    for name in names:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
            raise UsageError(f"{path.name}: the name {name!r} is not made of lower-case letters, digits and hyphens")
        if names.count(name) > 1:
            raise UsageError(f"{path.name}: the release {name!r} appears twice")
    return declared


def chosen(releases: tuple[Release, ...], names: list[str]) -> tuple[Release, ...]:
    """Return the releases of some names, in the order of the list.

    Raises:
        UsageError: No name was given, or one is not in the list.
    """
    known = [release.name for release in releases]
    hint = f"known: {', '.join(known) or 'none'}"
    if not names:
        raise UsageError("no release was named", hint=hint)
    for name in names:
        if name not in known:
            raise UsageError(f"there is no release {name!r}", hint=hint)
    return tuple(release for release in releases if release.name in names)


def make_releases(
    releases: tuple[Release, ...], out: Path, *, source: Path = LIST, force: bool = False, progress: Progress = silent
) -> tuple[Bundle, ...]:
    """Export each release to its folder under ``out``, and keep the index of that folder up to date.

    A bundle appears whole or not at all, and the index names the bundles that are there, also when a later one fails.

    Args:
        releases: What to make.
        out: Folder of the releases.
        source: The list they were declared in, which relative recipes start from.
        force: Whether existing bundles are replaced.
        progress: Told what is being done.

    Raises:
        UsageError: A checkpoint, recipe or data file cannot be used, or a place is taken; nothing was exported then.
        CheckFailed: A file computes something else than its checkpoint.
        EnvironmentProblem: A package or room on the disk is missing.
    """
    recipes = {}
    for release in releases:
        _check_inputs(release, out, force=force)
        recipes[release.name] = _recipe(release, source)
    made = []
    for release in releases:
        bundle = export_bundle(
            release.checkpoint,
            out / release.name,
            recipe=recipes[release.name],
            training=release.train,
            evaluation=release.evaluation,
            allow_added_tokens=release.allow_added_tokens,
            force=force,
            progress=progress,
        )
        made.append(bundle)
        write_index(out)
    return tuple(made)


def write_index(out: Path) -> Index:
    """Write ``index.json`` for the bundles that lie in a folder, and return its content.

    Raises:
        BundleError: One of them is damaged.
        OutputError: The folder cannot be written.
        EnvironmentProblem: The disk is full.
    """
    folders = sorted(folder for folder in out.iterdir() if is_bundle(folder) and not folder.name.startswith("."))
    index = Index(schema=SCHEMA, bundles=tuple(_indexed(open_bundle(folder)) for folder in folders))
    with writing(out / INDEX):
        replace_file(out / INDEX, dumps(index).encode())
    return index


def _check_inputs(release: Release, out: Path, *, force: bool) -> None:
    """Refuse what would fail, before the first release has cost minutes."""
    hint = "make demo makes the demo's" if release.checkpoint == "build/demo/model" else ""
    # A Hub id is no path, but it has no more than one slash.
    if release.checkpoint.count("/") > 1 and not Path(release.checkpoint).is_dir():
        raise UsageError(f"release {release.name!r}: there is no checkpoint {release.checkpoint}", hint=hint)
    for file in (release.evaluation, release.train):
        if file is not None and not Path(file).is_file():
            raise UsageError(f"release {release.name!r}: there is no data file {file}", hint=hint)
    if (out / release.name).exists() and not force:
        raise OutputError(f"{out / release.name}: exists already", hint="give another --out, or --force to replace it")


def _recipe(release: Release, source: Path) -> Recipe:
    recipe = load_recipe(source.parent / release.recipe if release.recipe.endswith(".toml") else release.recipe)
    if (recipe.prune is None) != (release.train is None):
        needs = "prunes and needs" if recipe.prune else "does not prune and has no use for"
        raise UsageError(f"release {release.name!r}: its recipe {recipe.name!r} {needs} training texts")
    return recipe


def _indexed(bundle: Bundle) -> IndexedBundle:
    bundle.check_files()
    manifest = bundle.manifest
    return IndexedBundle(
        folder=bundle.root.name,
        manifest_sha256=sha256_of(bundle.path(MANIFEST)),
        checkpoint=manifest.provenance.checkpoint,
        checkpoint_sha256=manifest.provenance.checkpoint_sha256,
        recipe=manifest.recipe.name,
        labels=manifest.labels,
        files=tuple(
            IndexedFile(
                file=f"{bundle.root.name}/{item.file}",
                role=item.role,
                size_bytes=item.size_bytes,
                sha256=item.sha256,
                score=item.score,
            )
            for item in manifest.artifacts
        ),
    )
