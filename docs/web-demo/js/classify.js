import { Problem } from "./problem.js";

/**
 * Returns the probabilities that logits stand for.
 *
 * @param {ArrayLike<number>} logits finite numbers, however large
 */
export function softmax(logits) {
  const greatest = Math.max(...logits);
  // Subtracting the greatest changes nothing but keeps exp from overflowing.
  const powers = Array.from(logits, (logit) => Math.exp(logit - greatest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/**
 * Returns labels with their probabilities, the most probable first; equal ones in the order of the manifest.
 *
 * @param {string[]} labels label names in the order of the logits
 * @param {ArrayLike<number>} logits what the model put out for one text
 * @returns {{label: string, probability: number}[]}
 * @throws {Problem} the logits do not fit the labels, or one of them is no number
 */
export function classify(labels, logits) {
  if (logits.length !== labels.length) {
    throw new Problem(
      "label-mismatch",
      `the model gives ${logits.length} logits, but the manifest has ${labels.length} labels`,
      { hint: "Export the bundle again." },
    );
  }
  labels.forEach((label, index) => {
    if (!Number.isFinite(logits[index])) {
      throw new Problem("runtime-failure", `the model gives ${logits[index]} for the label ${label}, which is no number`);
    }
  });
  const probabilities = softmax(logits);
  // Logits that differ can have probabilities that do not.
  return Array.from(labels.keys())
    .sort((one, other) => logits[other] - logits[one])
    .map((index) => ({ label: labels[index], probability: probabilities[index] }));
}
