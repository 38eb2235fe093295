"""What one example adds to the metrics of each task, and what the sums of that are worth.

The tallies of a task are rows of equal length:

- text-classification: the right label, then the one that was given;
- multi-label-classification: for each label 0 (neither right nor given), 1 (right and given), 2 (given only) or 3
  (right only): ``label_sets``;
- text-regression: the right number, then the one that was given: ``numbers``;
- token-classification: entities that are right, given and expected, then the same three in strict mode: ``entities``;
- question-answering: whether the answer is one of those accepted, 0 or 1, then its F1: ``spans``;
- feature-extraction: cosine to the FP32 file's embedding and share of the nearest neighbours that are kept; for a pair
  of texts also its score and the cosine of its two embeddings: ``vectors``.
"""
