import { inLowerCase } from "./characters.js";
import { checkCount, numbersOf } from "./labels.js";

/** Most tokens of an answer. */
const LONGEST = 15;

/** Candidates of a window that may add up to an answer. */
const CANDIDATES = 12;

/**
 * Returns the part of a context that answers a question, as the Hub's pipeline finds it.
 *
 * @param {{settings: {noAnswer: boolean}}} meaning whether the model may say that nothing in the context is an answer
 * @param {string} context the context
 * @param {object[]} windows the inputs in which the model read question and context
 * @param {object[]} outputs what the model put out for each of these, by name
 * @returns {{answer: ?string, start: number, end: number, score: number}} places in UTF-16 units; no answer is null
 * @throws {Problem} the outputs do not fit the windows, or one of them is no number
 */
export function findAnswer({ settings: { noAnswer } }, context, windows, outputs) {
  const answers = new Map();
  let none = Infinity;
  windows.forEach((encoding, window) => {
    const starts = probabilitiesOf(encoding, outputs[window], "start_logits");
    const ends = probabilitiesOf(encoding, outputs[window], "end_logits");
    none = Math.min(none, starts[0] * ends[0]);
    for (const candidate of candidatesOf(encoding, starts, ends)) {
      const found = wholeWords(encoding, context, candidate);
      // The same words add up, wherever they were found; the first place counts.
      const words = inLowerCase(found.answer);
      if (answers.has(words)) {
        answers.get(words).score += found.score;
      } else {
        answers.set(words, found);
      }
    }
  });
  const best = [...answers.values()].reduce((most, each) => (most && most.score >= each.score ? most : each), null);
  if (best === null || (noAnswer && none > best.score)) {
    return { answer: null, start: 0, end: 0, score: noAnswer ? none : 0 };
  }
  return best;
}

/** Returns the probability of each token of the context, and of the first token, which stands for no answer. */
function probabilitiesOf({ ids, sequences }, outputs, name) {
  const logits = numbersOf(outputs, name);
  checkCount(logits, ids.length, name, `one for each of ${ids.length} tokens`);
  const counts = (token) => token === 0 || sequences[token] === 1;
  const greatest = logits.reduce((most, logit, token) => (counts(token) ? Math.max(most, logit) : most), -Infinity);
  const powers = Array.from(logits, (logit, token) => (counts(token) ? Math.exp(logit - greatest) : 0));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** Returns the most probable answers in a window, best first. */
function candidatesOf({ sequences }, starts, ends) {
  const found = [];
  sequences.forEach((sequence, from) => {
    for (let to = from; sequence === 1 && to < from + LONGEST && sequences[to] === 1; to++) {
      found.push({ from, to, score: starts[from] * ends[to] });
    }
  });
  return found.sort((one, other) => other.score - one.score).slice(0, CANDIDATES);
}

/** Returns a candidate with the whole words, as far as the window has them. */
function wholeWords({ offsets, sequences, words }, context, { from, to, score }) {
  let first = from;
  while (sequences[first - 1] === 1 && words[first - 1] === words[from]) {
    first -= 1;
  }
  let last = to;
  while (sequences[last + 1] === 1 && words[last + 1] === words[to]) {
    last += 1;
  }
  const [start, end] = [offsets[first][0], offsets[last][1]];
  return { answer: context.slice(start, end), start, end, score };
}
