/*
 * Runs modules of the web demo under Node for the tests: reads one call a line, answers with one line.
 *
 * With the path of a tokenizer library as its argument, that library makes the ids instead.
 */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";

import { readGolden, readManifest } from "../../docs/web-demo/js/bundle.js";
import { inLowerCase } from "../../docs/web-demo/js/characters.js";
import { classify } from "../../docs/web-demo/js/labels.js";
import { Model } from "../../docs/web-demo/js/model.js";
import { Problem } from "../../docs/web-demo/js/problem.js";
import { runSelfTest } from "../../docs/web-demo/js/self-test.js";
import { TASKS } from "../../docs/web-demo/js/tasks.js";
import { Tokenizer, Vocabulary } from "../../docs/web-demo/js/tokenizer.js";

const library = process.argv[2] && (await import(pathToFileURL(process.argv[2]).href));
let tokenizer;

const CALLS = {
  /** Makes the tokenizer of the following calls and returns the number of its tokens. */
  tokenizer({ vocab, json, text }) {
    if (library) {
      tokenizer = new library.Tokenizer(JSON.parse(readFileSync(json, "utf-8")), {});
      return 0;
    }
    const vocabulary = new Vocabulary(readFileSync(vocab, "utf-8"));
    tokenizer = new Tokenizer(vocabulary, {
      lowerCase: text.lower_case,
      maxLength: text.max_length,
      padId: text.pad_id,
      clsId: text.cls_id,
      sepId: text.sep_id,
      unkId: text.unk_id,
      addedTokens: text.added_tokens ?? [],
    });
    return vocabulary.tokens.length;
  },

  encode: ({ texts, max_length: maxLength }) => texts.map((text) => row(tokenizer.encode(text, maxLength))),

  "encode packed": ({ texts, max_length: maxLength }) => packed(texts.map((text) => tokenizer.encode(text, maxLength))),

  windows: ({ first, second, max_length: maxLength, stride }) =>
    first.map((text, pair) => tokenizer.windows(text, second[pair], stride, maxLength).map(row)),

  /** Returns the number of windows of each pair, and all of them packed. */
  "windows packed"({ first, second, max_length: maxLength, stride }) {
    const windows = first.map((text, pair) => tokenizer.windows(text, second[pair], stride, maxLength));
    return [windows.map(({ length }) => length), packed(windows.flat())];
  },

  "encode units": ({ units }) => row(tokenizer.encode(String.fromCharCode(...units))),

  "lower case": ({ texts }) => texts.map(inLowerCase),

  /** Returns the ids that the library gives, and null for a text at which it failed. */
  ids: ({ texts }) => texts.map(libraryIds),

  /** Runs the tokenizer over the lines of a file, round by round, and returns nanoseconds. */
  speed({ file, rounds }) {
    const lines = readFileSync(file, "utf-8").split("\n");
    return Array.from({ length: rounds }, () => {
      const start = performance.now();
      lines.forEach((line) => tokenizer.encode(line));
      return 1e6 * (performance.now() - start);
    });
  },

  manifest: async ({ content }) => (await readManifest(content)).labels,

  /** Returns what a manifest says of the task. */
  async meaning({ content }) {
    const { task, labels, settings } = await readManifest(content);
    return { task, labels, ...settings };
  },

  golden: ({ content }) => readGolden(content),

  classify: ({ labels, logits }) => classify(labels, logits.map(Number)),

  /** Returns the answer to each of a list of texts or pairs, where a model puts out these numbers. */
  decode({ task, labels, settings, items }) {
    const meaning = { labels, settings: { ...settings, noAnswer: settings.no_answer } };
    return items.map(({ texts, runs }) => {
      const windows = TASKS[task].windows(tokenizer, texts, meaning.settings);
      const outputs = windows.map((_, window) =>
        Object.fromEntries(TASKS[task].outputs.map((name, index) => [name, runs[window].outputs[index].values.map(Number)])),
      );
      return plain(task, TASKS[task].decode(meaning, texts, windows, outputs));
    });
  },

  /** Returns what a bundle answers to each of a list of texts or pairs; for one that it refuses, the kind of the problem. */
  async "bundle answers"({ folder, records, items }) {
    const model = await Model.open(pathToFileURL(`${folder}/`), async () => recorded(records), () => {});
    return Promise.all(
      items.map(({ texts }) =>
        model.answer(texts).then(
          ({ task, value }) => plain(task, value),
          (error) => Problem.of(error, "crash", "answer").kind,
        ),
      ),
    );
  },

  /** Runs the self-test against windows and outputs that are given: by the text, and by the ids. */
  "self test": ({ golden, tolerance, windows, outputs }) =>
    runSelfTest({
      golden,
      tolerance,
      windows: (texts) => windows[texts.join("|")],
      run: async (given) =>
        Object.fromEntries(Object.entries(outputs[given.join()]).map(([name, numbers]) => [name, numbers.map(Number)])),
    }),
};

/** Returns a runtime that gives what another one once gave for the same ids; it knows no others. */
function recorded(records) {
  const outputs = new Map(records.map((record) => [record.ids.join(), record.outputs]));
  const names = records[0].outputs.map(({ name }) => name);
  const run = async ({ input_ids: { data } }) => {
    const found = outputs.get(data.join());
    if (found === undefined) {
      throw new Error(`nothing was recorded for ${data.join()}`);
    }
    const tensor = (values) => ({ data: Float32Array.from(values), dispose() {} });
    return Object.fromEntries(found.map(({ name, values }) => [name, tensor(values)]));
  };
  const session = { inputNames: ["input_ids", "attention_mask"], outputNames: names, run };
  const Tensor = class {
    constructor(type, data) {
      this.data = data;
    }
  };
  return { env: { wasm: {}, versions: {} }, Tensor, InferenceSession: { create: async () => session } };
}

/** Returns an answer as JSON has it; both languages have the same keys. */
function plain(task, value) {
  switch (task) {
    case "text-classification":
      return { label: value[0].label };
    case "multi-label-classification":
      return {
        labels: value.filter(({ given }) => given).map(({ label }) => label),
        probabilities: Object.fromEntries(value.map(({ label, probability }) => [label, probability])),
      };
    case "text-regression":
      return { value };
    case "token-classification":
      return { entities: value.map(({ text, type, start, end, score }) => [text, type, start, end, score]) };
    case "question-answering":
      return value;
    default:
      return { vector: value };
  }
}

function row({ ids, characters, offsets, words, sequences, truncated }) {
  return [ids, characters, offsets, words, sequences, truncated];
}

/** Returns encodings as int32 in base 64: counts and cuts, ids, offsets in either unit, words, texts. */
function packed(encodings) {
  const numbers = [
    encodings.map(({ ids, truncated }) => [ids.length, Number(truncated)]),
    encodings.map(({ ids }) => ids),
    encodings.map(({ characters }) => characters),
    encodings.map(({ offsets }) => offsets),
    encodings.map(({ words }) => words),
    encodings.map(({ sequences }) => sequences),
  ];
  return Buffer.from(Int32Array.from(numbers.flat(3)).buffer).toString("base64");
}

function libraryIds(text) {
  try {
    return tokenizer.encode(text).ids;
  } catch {
    return null;
  }
}

// Bundles are files here, which Node fetches from no address.
globalThis.fetch = async (url) => new Response(readFileSync(fileURLToPath(url)));

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const call = JSON.parse(line);
  let reply;
  try {
    reply = { result: await CALLS[call.call](call) };
  } catch (error) {
    reply = Problem.of(error, "crash", call.call).plain();
  }
  process.stdout.write(JSON.stringify(reply) + "\n");
}
