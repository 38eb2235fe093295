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

/** Returns the numbers of an output; a problem if there is none of that name, or a number is not finite. */
export function numbersOf(outputs, name) {
  const numbers = outputs[name];
  if (numbers === undefined) {
    throw new Problem("runtime-failure", `the model has no output ${name}; it has ${Object.keys(outputs).join(", ")}`);
  }
  const odd = numbers.find((number) => !Number.isFinite(number));
  if (odd !== undefined) {
    throw new Problem("runtime-failure", `the model gives ${odd} in ${name}, which is no number`);
  }
  return numbers;
}

/** Refuses an output with more or fewer numbers than the manifest means; `what` it means, in words. */
export function checkCount(numbers, count, name, what) {
  if (numbers.length !== count) {
    throw new Problem("label-mismatch", `the model gives ${numbers.length} ${name}, but the manifest has ${what}`, {
      hint: "Export the bundle again.",
    });
  }
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
  checkLogits(labels, logits);
  const probabilities = softmax(logits);
  // Logits that differ can have probabilities that do not.
  return Array.from(labels.keys())
    .sort((one, other) => logits[other] - logits[one])
    .map((index) => ({ label: labels[index], probability: probabilities[index] }));
}

/**
 * Returns every label with its probability, and whether that is above its threshold; the most probable first.
 *
 * @param {string[]} labels label names in the order of the logits
 * @param {number[]} thresholds probability above which each label is an answer
 * @param {ArrayLike<number>} logits what the model put out for one text
 * @returns {{label: string, probability: number, threshold: number, given: boolean}[]}
 * @throws {Problem} the logits do not fit the labels, or one of them is no number
 */
export function giveLabels(labels, thresholds, logits) {
  checkLogits(labels, logits);
  const found = labels.map((label, index) => {
    const probability = 1 / (1 + Math.exp(-logits[index]));
    const threshold = thresholds[index];
    return { label, probability, threshold, given: probability > threshold };
  });
  return found.sort((one, other) => other.probability - one.probability);
}

function checkLogits(labels, logits) {
  checkCount(logits, labels.length, "logits", `${labels.length} labels`);
  labels.forEach((label, index) => {
    if (!Number.isFinite(logits[index])) {
      throw new Problem("runtime-failure", `the model gives ${logits[index]} for the label ${label}, which is no number`);
    }
  });
}
