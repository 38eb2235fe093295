import { Model } from "./model.js";
import { Problem } from "./problem.js";

/*
 * The model lives here, away from the thread that draws the page.
 *
 * In: {kind: "answer", id, texts}. Out: {kind: "progress", step, done, of}, then {kind: "ready", model} or
 * {kind: "refused", problem}; for each question {kind: "answer", id, answer} or {kind: "problem", id, problem}.
 */

const root = new URL("../", import.meta.url);

async function loadRuntime() {
  const ort = await import(new URL("runtime/ort.wasm.min.mjs", root));
  ort.env.wasm.wasmPaths = {
    mjs: new URL("runtime/ort-wasm-simd-threaded.mjs", root).href,
    wasm: new URL("runtime/ort-wasm-simd-threaded.wasm", root).href,
  };
  return ort;
}

async function start() {
  try {
    const model = await Model.open(new URL("bundle/", root), loadRuntime, (step) =>
      self.postMessage({ kind: "progress", ...step }),
    );
    self.postMessage({ kind: "ready", model: model.describe() });
    return model;
  } catch (error) {
    const problem = Problem.of(error, "crash", "the page failed while it loaded the model");
    self.postMessage({ kind: "refused", problem: problem.plain() });
    return null;
  }
}

const opened = start();

self.addEventListener("message", async ({ data: { id, texts } }) => {
  const model = await opened;
  if (model === null) {
    return;
  }
  try {
    self.postMessage({ kind: "answer", id, answer: await model.answer(texts) });
  } catch (error) {
    const problem = Problem.of(error, "crash", "the page failed in the middle of an answer");
    self.postMessage({ kind: "problem", id, problem: problem.plain() });
  }
});
