import { Client } from "./client.js";
import { Problem } from "./problem.js";

/** Labels that are shown with their probabilities; a model can have hundreds. */
const SHOWN_LABELS = 5;

const element = Object.fromEntries(Array.from(document.querySelectorAll("[id]"), (found) => [found.id, found]));
let latest = 0;

/** The model behind the page. */
export const client = new Client(new URL("./worker.js", import.meta.url), showProgress);

client.ready.then(showReady, showRefusal);

element.question.addEventListener("submit", (event) => {
  event.preventDefault();
  ask(element.text.value);
});
element.text.addEventListener("keydown", (event) => {
  // Enter also confirms a word of an input method, which is no question yet.
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    element.question.requestSubmit();
  }
});

async function ask(text) {
  if (element.ask.getAttribute("aria-disabled") === "true") {
    return;
  }
  latest += 1;
  const mine = latest;
  element.result.classList.add("waiting");
  let show;
  try {
    const answer = await client.answer(text);
    show = () => showAnswer(answer);
  } catch (error) {
    show = () => showProblem(Problem.of(error, "crash", "the page failed"));
  }
  // Only the latest question counts.
  if (mine === latest) {
    element.result.classList.remove("waiting");
    show();
  }
}

function showProgress({ step, done, of }) {
  const words = {
    fetch: () => `Fetching the model: ${megabytes(done)} of ${megabytes(of)} MB`,
    open: () => "Opening the model",
    test: () => `Self-test: ${done} of ${of} texts`,
  };
  element.bar.max = of;
  element.bar.value = done;
  element.step.textContent = words[step]();
}

function showReady(model) {
  element.bar.hidden = true;
  element.status.classList.add("passed");
  element.step.textContent = `Ready: the self-test of ${model.texts} texts has passed`;
  element.ask.setAttribute("aria-disabled", "false");
  const facts = {
    Model: `${model.model.file}, ${model.model.precision}, ${megabytes(model.model.sizeBytes)} MB`,
    SHA256: model.model.sha256,
    Labels: model.labels.join(", "),
    "Longest text": `${model.maxLength} tokens`,
    "Self-test": `${model.texts} texts: ids equal, logits at most ${model.maxDifference.toFixed(4)} apart (${model.model.tolerance.toFixed(4)} allowed)`,
    Runtime: `ONNX Runtime ${model.runtime}, WebAssembly, one thread`,
  };
  element.facts.replaceChildren(
    ...Object.entries(facts).flatMap(([name, value]) => [made("dt", "", name), made("dd", "", value)]),
  );
  element.about.hidden = false;
}

function showRefusal(error) {
  const problem = Problem.of(error, "crash", "the page failed");
  element.status.hidden = true;
  element.question.hidden = true;
  const details = problem.details.map((each) => made("li", "", each));
  element.reason.textContent = sentence(problem.message);
  element.reasons.replaceChildren(...details);
  element.reasons.hidden = details.length === 0;
  element.advice.textContent = problem.hint;
  element.refusal.hidden = false;
}

function showProblem(problem) {
  element.result.replaceChildren(made("p", "problem", `${sentence(problem.message)} ${problem.hint}`.trim()));
  element.reading.hidden = true;
}

function showAnswer({ labels, ids, tokens, truncated, tokenizeMs, runMs }) {
  const [{ label, probability }] = labels;
  const head = made("p", "label", label, " ", made("span", "probability", percent(probability)));
  const bars = made("ul", "bars", ...labels.slice(0, SHOWN_LABELS).map(bar));
  const time = `${milliseconds(tokenizeMs + runMs)} ms`;
  const facts = made("p", "measured", `${time}, ${ids.length} tokens with [CLS] and [SEP]`);
  if (labels.length > SHOWN_LABELS) {
    facts.append(`, ${labels.length - SHOWN_LABELS} more labels`);
  }
  element.result.replaceChildren(head, bars, facts);
  if (truncated) {
    const words = `The text is longer than the model can read: it saw the first ${ids.length} tokens only.`;
    element.result.append(made("p", "cut", words));
  }
  element.tokens.replaceChildren(...tokens.map((token) => made("li", "", token)));
  element.reading.hidden = false;
}

function bar({ label, probability }) {
  // Drawn alike in all browsers, as a meter is not; the number beside it says the same.
  const length = made("progress", "");
  length.value = probability;
  length.setAttribute("aria-hidden", "true");
  return made("li", "", made("span", "name", label), length, made("span", "share", percent(probability)));
}

function made(tag, className, ...content) {
  const node = document.createElement(tag);
  if (className) {
    node.className = className;
  }
  node.append(...content);
  return node;
}

function sentence(message) {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function percent(probability) {
  // A model is never sure, and rounding should not say so.
  const shown = Math.min(Math.max(probability * 100, 0.1), 99.9);
  return `${shown.toFixed(1)} %`;
}

const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
const milliseconds = (time) => (time < 10 ? time.toFixed(1) : time.toFixed(0));
