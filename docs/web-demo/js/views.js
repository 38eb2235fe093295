import { cosine } from "./tasks.js";

/*
 * How each task asks and how its answer looks: one row for each task.
 *
 * `does` is what the model does, `fields` names the text or the two texts of an input, `verb` is on the button and `keys`
 * says what Enter does. `ask` asks a client for the answers, `show` returns what is shown of them in the page.
 */

/** Labels that are shown with their probabilities; a model can have hundreds. */
const SHOWN_LABELS = 5;

/** Looks that marked entities differ in; types take turns. */
const LOOKS = 6;

const one = {
  fields: ["Your text"],
  verb: "Classify",
  keys: "classifies",
  ask: async (client, texts) => [await client.answer(...texts)],
};

export const VIEWS = {
  "text-classification": { ...one, does: "text classification", show: showLabel },
  "multi-label-classification": { ...one, does: "multi-label classification", show: showLabels },
  "text-regression": { ...one, does: "text regression", verb: "Score", keys: "scores", show: ([{ value }]) => [head(number(value))] },
  "token-classification": {
    ...one,
    does: "named entities",
    verb: "Find entities",
    keys: "finds entities",
    show: showEntities,
  },
  "question-answering": {
    ...one,
    does: "question answering",
    fields: ["Your question", "Context"],
    verb: "Answer",
    keys: "answers",
    show: showSpan,
  },
  "feature-extraction": {
    does: "sentence similarity",
    fields: ["First text", "Second text"],
    verb: "Compare",
    keys: "compares",
    ask: async (client, texts) => [await client.answer(texts[0]), await client.answer(texts[1])],
    show: showSimilarity,
  },
};

function showLabel([{ value: labels }]) {
  const [{ label, probability }] = labels;
  return [head(label, percent(probability)), ...bars(labels)];
}

function showLabels([{ value: labels }]) {
  const given = labels.filter((each) => each.given);
  const words = given.length > 0 ? given.map(({ label }) => label).join(", ") : "No label";
  return [head(words), ...bars(labels, Math.max(given.length, SHOWN_LABELS))];
}

function showEntities([{ value: entities }], [text]) {
  const types = [...new Set(entities.map(({ type }) => type))].sort();
  const marks = entities.map(({ start, end, type, score }) => ({
    start,
    end,
    look: `look-${types.indexOf(type) % LOOKS}`,
    words: `${type} ${percent(score)}`,
  }));
  const words = entities.length === 0 ? "No entities" : `${entities.length} ${entities.length === 1 ? "entity" : "entities"}`;
  return [head(words), marked(text, marks)];
}

function showSpan([{ value }], [, context]) {
  if (value.answer === null) {
    return [head("No answer in the context", value.score > 0 ? percent(value.score) : "")];
  }
  return [head(value.answer, percent(value.score)), marked(context, [{ ...value, look: "look-0", words: "" }])];
}

function showSimilarity([first, second]) {
  const similarity = cosine(first.value, second.value);
  return [head("Similarity", number(similarity)), made("ul", "bars", bar({ label: "cosine", probability: similarity }, number))];
}

function head(words, beside = "") {
  return made("p", "label", words, ...(beside ? [" ", made("span", "probability", beside)] : []));
}

function bars(labels, most = SHOWN_LABELS) {
  const list = made("ul", "bars", ...labels.slice(0, most).map((label) => bar(label)));
  const rest = labels.length - most;
  return rest > 0 ? [list, made("p", "measured", `${rest} more labels`)] : [list];
}

function bar({ label, probability, threshold, given }, words = percent) {
  // Drawn alike in all browsers, as a meter is not; the number beside it says the same.
  const length = made("progress", "");
  length.value = Math.max(0, probability);
  length.setAttribute("aria-hidden", "true");
  const track = made("span", "track", length);
  if (threshold !== undefined) {
    const mark = made("span", "threshold");
    mark.style.insetInlineStart = `${100 * threshold}%`;
    mark.title = `threshold ${percent(threshold)}`;
    track.append(mark);
  }
  return made("li", given === false ? "low" : "", made("span", "name", label), track, made("span", "share", words(probability)));
}

/** Returns a text with parts of it marked; the parts follow one another. */
function marked(text, marks) {
  const shown = made("p", "marked");
  let place = 0;
  for (const { start, end, look, words } of marks) {
    const mark = made("mark", look, text.slice(start, end));
    if (words) {
      mark.append(made("span", "type", words));
    }
    shown.append(text.slice(place, start), mark);
    place = end;
  }
  shown.append(text.slice(place));
  return shown;
}

/** Returns an element with a class, if any, and content. */
export function made(tag, className, ...content) {
  const node = document.createElement(tag);
  if (className) {
    node.className = className;
  }
  node.append(...content);
  return node;
}

function percent(probability) {
  // A model is never sure, and rounding should not say so.
  const shown = Math.min(Math.max(probability * 100, 0.1), 99.9);
  return `${shown.toFixed(1)} %`;
}

function number(value) {
  return Math.abs(value) < 1000 ? value.toFixed(3) : value.toPrecision(6);
}
