import { findEntities } from "./entities.js";
import { checkCount, classify, giveLabels, numbersOf } from "./labels.js";
import { findAnswer } from "./spans.js";

/*
 * What a model does: one row for each task.
 *
 * `texts` is how many texts an answer needs, `outputs` are the names of what a model file puts out, with `perToken` a row
 * for each token. `width` returns how many numbers such a row has, or undefined if that is not known. `decode` makes an
 * answer of what a model puts out: `meaning` are the labels and settings of the manifest, `windows` the inputs in which the
 * model read the texts, `outputs` what it put out for each of these, by name.
 */

const USUAL_STRIDE = 128;

const one = { texts: 1, perToken: false, hasLabels: false, outputs: ["logits"], windows: oneWindow };

export const TASKS = {
  "text-classification": {
    ...one,
    hasLabels: true,
    width: ({ labels }) => labels.length,
    decode: ({ labels }, texts, windows, [outputs]) => classify(labels, logitsOf(outputs)),
  },
  "multi-label-classification": {
    ...one,
    hasLabels: true,
    width: ({ labels }) => labels.length,
    decode: ({ labels, settings }, texts, windows, [outputs]) =>
      giveLabels(labels, settings.thresholds, logitsOf(outputs)),
  },
  "text-regression": {
    ...one,
    width: () => 1,
    decode: (meaning, texts, windows, [outputs]) => {
      const numbers = numbersOf(outputs, "logits");
      checkCount(numbers, 1, "numbers", "1");
      return numbers[0];
    },
  },
  "token-classification": {
    ...one,
    hasLabels: true,
    perToken: true,
    width: ({ labels }) => labels.length,
    decode: (meaning, [text], [encoding], [outputs]) => findEntities(meaning, text, encoding, outputs),
  },
  "question-answering": {
    ...one,
    texts: 2,
    perToken: true,
    outputs: ["start_logits", "end_logits"],
    windows: (tokenizer, [question, context], { stride }) =>
      tokenizer.windows(question, context, stride ?? Math.min(USUAL_STRIDE, Math.floor(tokenizer.spec.maxLength / 3))),
    width: () => 1,
    decode: (meaning, [, context], windows, outputs) => findAnswer(meaning, context, windows, outputs),
  },
  "feature-extraction": {
    ...one,
    outputs: ["sentence_embedding"],
    width: ({ settings }) => settings.width ?? undefined,
    decode: ({ settings }, texts, windows, [outputs]) => {
      const numbers = numbersOf(outputs, "sentence_embedding");
      checkCount(numbers, settings.width ?? numbers.length, "numbers", `embeddings of ${settings.width}`);
      return Array.from(numbers);
    },
  },
};

/** Returns the cosine of two embeddings of a model: from -1 to 1, 1 for the same direction. */
export function cosine(first, second) {
  const product = (one, other) => one.reduce((sum, number, index) => sum + number * other[index], 0);
  const lengths = Math.sqrt(product(first, first) * product(second, second));
  return lengths === 0 ? 0 : product(first, second) / lengths;
}

function oneWindow(tokenizer, [text]) {
  return [tokenizer.encode(text)];
}

function logitsOf(outputs) {
  return outputs.logits ?? numbersOf(outputs, "logits");
}
