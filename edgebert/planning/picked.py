"""The recipe of a candidate: what ``edgebert export --recipe`` needs to make it again."""

from __future__ import annotations

from edgebert.planning.values import Candidate, PlanOptions
from edgebert.recipe import PruneOptions


def prune_options(keep: float, *, vocabulary: bool, distill: float, seed: int) -> PruneOptions | None:
    """Return what to cut; ``None`` where nothing is."""
    if keep == 1 and not vocabulary:
        return None
    return PruneOptions(keep=keep, vocabulary=vocabulary, distill=distill, seed=seed)


def recipe_name(candidate: Candidate) -> str:
    """Return a decodable name, as in ``prune65-vocab-distill-int8``."""
    words = [] if candidate.keep == 1 else [f"prune{100 * (1 - candidate.keep):.4g}"]
    words += ["vocab"] * candidate.vocabulary + ["distill"] * bool(candidate.distill)
    return "-".join((*words, candidate.precision))


def recipe_toml(candidate: Candidate, options: PlanOptions, lengths: tuple[int, ...]) -> str:
    """Return a candidate as the TOML of a recipe.

    Args:
        candidate: What to make.
        options: How it was searched for.
        lengths: Signature lengths in tokens; the last is the longest input in every format.
    """
    pruning = prune_options(
        candidate.keep, vocabulary=candidate.vocabulary, distill=candidate.distill, seed=options.seed
    )
    lines = [
        "# The pick of `edgebert plan`.",
        f'name = "{recipe_name(candidate)}"',
        f'description = "{candidate.name}"',
        f"lengths = [{', '.join(map(str, lengths))}]",
    ]
    if pruning is not None:
        lines += [
            "",
            "[prune]",
            f"keep = {pruning.keep!r}",
            f"vocabulary = {'true' if pruning.vocabulary else 'false'}",
            f"drop_layers = {'true' if pruning.drop_layers else 'false'}",
            f"distill = {pruning.distill!r}",
            f"seed = {pruning.seed}",
        ]
    lines += ["", "[[targets]]", f'format = "{options.format}"', f'precision = "{candidate.precision}"', ""]
    return "\n".join(lines)
