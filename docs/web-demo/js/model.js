import { decodeText, fetchChecked, fetchManifest, readGolden, readManifest } from "./bundle.js";
import { classify } from "./classify.js";
import { Problem } from "./problem.js";
import { runSelfTest } from "./self-test.js";
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
    const odd = golden.find(({ logits }) => logits.length !== manifest.labels.length);
    if (odd !== undefined) {
      const words = `golden.json has ${odd.logits.length} logits for a text, but the manifest has ${manifest.labels.length} labels`;
      throw new Problem("label-mismatch", words, { hint: "Export the bundle again." });
    }
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
   * Returns the answer to a text.
   *
   * @param {string} text any text, however long
   * @returns {Promise<object>} labels with probabilities, logits, ids, tokens, whether the text was cut, milliseconds
   * @throws {Problem} there is nothing in the text, it is no valid Unicode, or the runtime failed
   */
  async answer(text) {
    const start = performance.now();
    const encoding = this.#tokenizer.encode(text);
    const tokenized = performance.now();
    // Two tokens frame every text.
    if (encoding.ids.length === 2) {
      throw new Problem("empty-text", "There is nothing to read in the text.", { hint: "Type a word or more." });
    }
    const logits = await this.#run(encoding.ids);
    const done = performance.now();
    return {
      labels: classify(this.manifest.labels, logits),
      logits,
      ids: encoding.ids,
      tokens: encoding.ids.map((id) => this.#tokenizer.token(id)),
      truncated: encoding.truncated,
      tokenizeMs: tokenized - start,
      runMs: done - tokenized,
    };
  }

  /** Returns what the page tells about the model. */
  describe() {
    const { labels, model, text } = this.manifest;
    const { texts, maxDifference } = this.selfTest;
    const runtime = this.#ort.env.versions.web ?? this.#ort.env.versions.common;
    return { labels, model, maxLength: text.maxLength, texts, maxDifference, runtime };
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
    for (const name of ["input_ids", "attention_mask"]) {
      if (!this.#session.inputNames.includes(name)) {
        throw new Problem("damaged-file", `the model has no input ${name}; it has ${this.#session.inputNames.join(", ")}`);
      }
    }
  }

  async #selfTest(golden, report) {
    this.selfTest = await runSelfTest({
      golden,
      tolerance: this.manifest.model.tolerance,
      encode: (text) => this.#tokenizer.encode(text),
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

  /** Returns the logits of ids: at exactly their length, unpadded, as the file wants it. */
  async #run(ids) {
    const { Tensor } = this.#ort;
    const shape = [1, ids.length];
    const feeds = {
      input_ids: new Tensor("int64", BigInt64Array.from(ids, BigInt), shape),
      attention_mask: new Tensor("int64", new BigInt64Array(ids.length).fill(1n), shape),
    };
    try {
      const outputs = await this.#session.run(feeds, ["logits"]);
      const logits = Array.from(outputs.logits.data);
      outputs.logits.dispose();
      return logits;
    } catch (error) {
      throw Problem.of(error, "runtime-failure", "ONNX Runtime failed in the middle of a run");
    }
  }
}
