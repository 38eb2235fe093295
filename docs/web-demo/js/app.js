import { Client } from "./client.js";
import { Problem } from "./problem.js";
import { made, VIEWS } from "./views.js";

const element = Object.fromEntries(Array.from(document.querySelectorAll("[id]"), (found) => [found.id, found]));
/** What build.py wrote beside the page: example texts, and the size of the runtime. */
const built = fetch("edgebert-web-demo.json").then((reply) => (reply.ok ? reply.json() : {})).catch(() => ({}));
let latest = 0;
let runtimeBytes = 0;
let view = VIEWS["text-classification"];

/** The model behind the page. */
export const client = new Client(new URL("./worker.js", import.meta.url), showProgress);

built.then(({ runtime_bytes: bytes }) => {
  runtimeBytes = bytes ?? 0;
});
client.ready.then(showReady, showRefusal);

element.question.addEventListener("submit", (event) => {
  event.preventDefault();
  ask([element.text.value, element.second.value].slice(0, view.fields.length));
});
for (const field of [element.text, element.second]) {
  field.addEventListener("keydown", (event) => {
    // Enter also confirms a word of an input method, which is no question yet.
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      element.question.requestSubmit();
    }
  });
}

async function ask(texts) {
  if (element.ask.getAttribute("aria-disabled") === "true") {
    return;
  }
  latest += 1;
  const mine = latest;
  element.result.classList.add("waiting");
  let show;
  try {
    const answers = await view.ask(client, texts);
    show = () => showAnswers(answers, texts);
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
    fetch: () => `Loading the model: ${megabytes(done)} of ${megabytes(of)} MB`,
    open: () => `Loading ONNX Runtime${runtimeBytes > 0 ? ` (${megabytes(runtimeBytes)} MB)` : ""} and opening the model`,
    test: () => `Self-test: ${done} of ${of} inputs`,
  };
  element.bar.max = of;
  element.bar.value = done;
  element.step.textContent = words[step]();
}

function showReady(model) {
  view = VIEWS[model.task];
  const title = model.title;
  document.title = `${title}: ${view.does}`;
  element.title.replaceChildren(title, " ", made("span", "", view.does));
  const count = model.labels.length > 0 ? `, ${model.labels.length} labels` : "";
  element.intro.textContent = `${model.model.file}, ${megabytes(model.model.sizeBytes)} MB${count}. It runs in this page: your text stays in this browser.`;
  showExamples();
  element.name.textContent = view.fields[0];
  element.other.textContent = view.fields[1] ?? "";
  element.pair.hidden = view.fields.length < 2;
  element.ask.textContent = view.verb;
  element.enter.textContent = view.keys;
  element.bar.hidden = true;
  element.status.classList.add("passed");
  element.step.textContent = `Ready. The self-test of ${model.texts} inputs passed.`;
  element.ask.setAttribute("aria-disabled", "false");
  const facts = {
    Model: `${model.model.file}, ${model.model.precision}, ${megabytes(model.model.sizeBytes)} MB`,
    SHA256: model.model.sha256,
    Task: model.task,
    ...(model.labels.length > 0 && { Labels: model.labels.join(", ") }),
    "Longest input": `${model.maxLength} tokens`,
    "Self-test": `${model.texts} inputs: token IDs equal, outputs at most ${model.maxDifference.toFixed(4)} apart (${model.model.tolerance.toFixed(4)} allowed)`,
    Runtime: `ONNX Runtime ${model.runtime}, WebAssembly, one thread`,
  };
  element.facts.replaceChildren(
    ...Object.entries(facts).flatMap(([name, value]) => [made("dt", "", name), made("dd", "", value)]),
  );
  element.about.hidden = false;
}

/** Shows the examples of the page as buttons: a click fills the fields and asks. */
async function showExamples() {
  const { examples = [] } = await built;
  const fitting = examples.filter((texts) => Array.isArray(texts) && texts.length === view.fields.length);
  const buttons = fitting.map((texts) => {
    const button = made("button", "example", texts.join(" / "));
    button.type = "button";
    button.addEventListener("click", () => {
      [element.text.value, element.second.value] = [texts[0], texts[1] ?? ""];
      element.question.requestSubmit();
    });
    return button;
  });
  element.choices.replaceChildren(...buttons);
  element.examples.hidden = buttons.length === 0;
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

function showAnswers(answers, texts) {
  const time = answers.reduce((sum, { tokenizeMs, runMs }) => sum + tokenizeMs + runMs, 0);
  const windows = answers.flatMap((answer) => answer.windows);
  const tokens = windows.map((ids) => ids.length).join(" + ");
  const facts = made("p", "measured", `${milliseconds(time)} ms, ${tokens} tokens with [CLS] and [SEP]`);
  element.result.replaceChildren(...view.show(answers, texts), facts);
  const cut = answers.find(({ truncated }) => truncated);
  if (cut !== undefined) {
    const what = view.fields.length > 1 ? "A text" : "The text";
    const words =
      cut.task === "question-answering"
        ? "The question is too long for the model: it read only the beginning."
        : `${what} is too long for the model: it read only the first ${cut.windows[0].length} tokens.`;
    element.result.append(made("p", "cut", words));
  }
  const read = answers.flatMap((answer) => answer.tokens);
  element.tokens.replaceChildren(...read.map(({ text, isUnknown }) => made("li", isUnknown ? "unknown" : "", text)));
  const unknown = read.filter(({ isUnknown }) => isUnknown).length;
  if (unknown > 0) {
    const words = unknown === 1 ? "1 word is" : `${unknown} words are`;
    element.result.append(made("p", "cut", `${words} not in the model's vocabulary and read as [UNK].`));
  }
  element.reading.hidden = false;
}

function sentence(message) {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
const milliseconds = (time) => (time < 10 ? time.toFixed(1) : time.toFixed(0));
