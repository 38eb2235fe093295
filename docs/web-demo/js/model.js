import { decodeText, fetchChecked, fetchManifest, readGolden, readManifest } from "./bundle.js";
import { Problem } from "./problem.js";
import { runSelfTest } from "./self-test.js";
import { TASKS } from "./tasks.js";
import { Tokenizer, Vocabulary } from "./tokenizer.js";

/** A bundle in ONNX Runtime: from a text to an answer. It answers nothing unless its self-test has passed. */
export class Model {
  #ort;
  #session;
  #tokenizer;

  /**
   * Fetches a bundle, checks it, opens its model and replays its golden texts.
   *
   * @param {URL} folder folder of the bundle, with a slash at its end
   * @param {(runtime: URL) => Promise<object>} loadRuntime loads ONNX Runtime
   * @param {(step: {step: string, done: number, of: number}) => void} report is told how far things are
   * @returns {Promise<Model>}
   * @throws {Problem} anything is not as it was where the bundle was made
   */
  static async open(folder, loadRuntime, report) {
    const manifest = await readManifest(await fetchManifest(folder));
    const read = async (file) => {
      if (!manifest.files.has(file)) {
        throw new Problem("damaged-file", `the file edgebert.json is damaged: it lists no ${file}`);
      }
      return decodeText(await fetchChecked(folder, manifest.files.get(file)), file);
    };
    const golden = readGolden(await read("golden.json"));
    checkGolden(golden, manifest);
    const model = new Model(manifest, new Tokenizer(new Vocabulary(await read("vocab.txt")), manifest.text));
    const { sizeBytes } = manifest.model;
    const content = await fetchChecked(folder, manifest.model, (done) => report({ step: "fetch", done, of: sizeBytes }));
    report({ step: "open", done: 0, of: 1 });
    await model.#start(loadRuntime, content);
    await model.#selfTest(golden, report);
    return model;
  }

  constructor(manifest, tokenizer) {
    this.manifest = manifest;
    this.#tokenizer = tokenizer;
  }

  /**
   * Returns the answer to a text, or to a question about a context.
   *
   * @param {string[]} texts the text, or question and context; any text, however long
   * @returns {Promise<object>} the answer as the task's row of TASKS gives it, outputs and ids of each window, tokens of
   *   the first and which of them are [UNK], whether the text was cut, milliseconds
   * @throws {Problem} there is nothing in the text, it is no valid Unicode, or the runtime failed
   */
  async answer(texts) {
    const { task, settings } = this.manifest;
    if (texts.length !== TASKS[task].texts) {
      throw new Problem("bad-request", `the model does ${task}, which takes ${TASKS[task].texts} texts, not ${texts.length}`);
    }
    const start = performance.now();
    const windows = TASKS[task].windows(this.#tokenizer, texts, settings);
    const tokenized = performance.now();
    if (windows[0].sequences[1] < 0) {
      throw new Problem("empty-text", "There is nothing to read in the text.", { hint: "Type a word or more." });
    }
    const outputs = [];
    for (const { ids } of windows) {
      outputs.push(await this.#run(ids));
    }
    const done = performance.now();
    return {
      task,
      value: TASKS[task].decode(this.manifest, texts, windows, outputs),
      outputs,
      windows: windows.map(({ ids }) => ids),
      tokens: windows[0].ids.map((id) => ({ text: this.#tokenizer.token(id), isUnknown: id === this.manifest.text.unkId })),
      truncated: windows[0].truncated,
      tokenizeMs: tokenized - start,
      runMs: done - tokenized,
    };
  }

  /** Returns what the page tells about the model. */
  describe() {
    const { title, task, labels, model, text } = this.manifest;
    const { texts, maxDifference } = this.selfTest;
    const runtime = this.#ort.env.versions.web ?? this.#ort.env.versions.common;
    return { title, task, labels, model, maxLength: text.maxLength, texts, maxDifference, runtime };
  }

  async #start(loadRuntime, content) {
    try {
      this.#ort = await loadRuntime();
      // More than one thread needs a page that is isolated by headers, which few servers send.
      this.#ort.env.wasm.numThreads = 1;
      const options = { executionProviders: ["wasm"], graphOptimizationLevel: "all" };
      this.#session = await this.#ort.InferenceSession.create(content, options);
    } catch (error) {
      const hint = "A browser from 2023 on is needed. If it is newer than that, close other tabs and load the page again.";
      const words = error instanceof Error ? error.message : String(error);
      throw new Problem("runtime-failure", `ONNX Runtime cannot open the model: ${words}`, { hint, cause: error });
    }
    const { inputNames, outputNames } = this.#session;
    checkNames(["input_ids", "attention_mask"], inputNames, "input");
    checkNames(TASKS[this.manifest.task].outputs, outputNames, "output");
  }

  async #selfTest(golden, report) {
    this.selfTest = await runSelfTest({
      golden,
      tolerance: this.manifest.model.tolerance,
      windows: (texts) => TASKS[this.manifest.task].windows(this.#tokenizer, texts, this.manifest.settings),
      run: (ids) => this.#run(ids),
      report: (done) => report({ step: "test", done, of: golden.length }),
    });
    const { problems, texts } = this.selfTest;
    if (problems.length > 0) {
      const message = `the model does not give the answers it was made with: ${problems.length} of ${texts} checks failed`;
      const hint = "It would give wrong answers here, so it gives none. Please report browser and processor with the list.";
      throw new Problem("self-test-failed", message, { hint, details: problems });
    }
  }

  /** Returns the outputs of ids by name: at exactly their length, unpadded, as the file wants it. */
  async #run(ids) {
    const { Tensor } = this.#ort;
    const shape = [1, ids.length];
    const feeds = {
      input_ids: new Tensor("int64", BigInt64Array.from(ids, BigInt), shape),
      attention_mask: new Tensor("int64", new BigInt64Array(ids.length).fill(1n), shape),
    };
    try {
      const found = await this.#session.run(feeds, TASKS[this.manifest.task].outputs);
      const outputs = Object.fromEntries(Object.entries(found).map(([name, tensor]) => [name, Array.from(tensor.data)]));
      Object.values(found).forEach((tensor) => tensor.dispose());
      return outputs;
    } catch (error) {
      throw Problem.of(error, "runtime-failure", "ONNX Runtime failed in the middle of a run");
    }
  }
}

function checkNames(wanted, found, what) {
  const missing = wanted.find((name) => !found.includes(name));
  if (missing !== undefined) {
    throw new Problem("damaged-file", `the model has no ${what} ${missing}; it has ${found.join(", ")}`);
  }
}

/** Refuses golden texts with other outputs than the manifest means. */
function checkGolden(golden, manifest) {
  const { outputs, perToken, texts, width, hasLabels } = TASKS[manifest.task];
  const numbers = width(manifest);
  for (const item of golden) {
    for (const window of item.windows) {
      const missing = outputs.find((name) => !Object.hasOwn(window.outputs, name));
      if (missing !== undefined || item.texts.length !== texts) {
        const what = missing === undefined ? `${item.texts.length} texts, not ${texts}` : `no ${missing} for a text`;
        throw new Problem("damaged-file", `golden.json has ${what}`, { hint: "Export the bundle again." });
      }
      for (const name of outputs) {
        const found = window.outputs[name].length / (perToken ? window.inputIds.length : 1);
        if (numbers !== undefined && found !== numbers) {
          const meant = hasLabels ? `${numbers} labels` : `${numbers} for each`;
          const words = `golden.json has ${found} ${name} for a ${perToken ? "token" : "text"}, but the manifest has ${meant}`;
          throw new Problem("label-mismatch", words, { hint: "Export the bundle again." });
        }
      }
    }
  }
}
