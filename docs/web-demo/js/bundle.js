import { Problem } from "./problem.js";
import { TASKS } from "./tasks.js";

const NEWEST_SCHEMA = 5;
const DIGEST_SINCE = 3;
const SETTINGS_SINCE = 5;
const DIGEST_KEY = '"digest": "';
const NEWEST_GOLDEN_SCHEMA = 3;
const FIRST_TASK = "text-classification";
const FORMER_TASK = "sequence-classification"; // its name before schema 4
const AGGREGATIONS = ["simple", "first", "average", "max"];
const USUAL = "int8.onnx";
const LARGEST_MANIFEST = 16 * 1024 * 1024;
const AGAIN = "Build the page again from a bundle that edgebert verify accepts.";

/**
 * Reads the part of `edgebert.json` that the page needs.
 *
 * @param {string} content content of the file
 * @returns {Promise<{title: string, task: string, labels: string[], settings: object, text: object, model: object,
 *   files: Map<string, object>}>} the checkpoint's name, what the model does; label names, and what else the checkpoint fixes of the task; how a
 *   text becomes ids; the model file to run; size and hash of the others
 * @throws {Problem} it is damaged, of a newer schema, of an unknown task, or has no ONNX file that ships
 */
export async function readManifest(content) {
  const manifest = parse(content, "edgebert.json");
  checkSchema(manifest, NEWEST_SCHEMA, "edgebert.json");
  const fields = new Fields(manifest, "edgebert.json");
  if (manifest.schema >= DIGEST_SINCE && fields.string("digest") !== (await digestOf(content))) {
    throw damaged("edgebert.json", "its content is not what its digest says");
  }
  const task = readTask(fields);
  const labels = fields.list("labels");
  if ((labels.length > 0) !== TASKS[task].hasLabels || labels.some((label) => typeof label !== "string")) {
    throw damaged("edgebert.json", TASKS[task].hasLabels ? "labels is no list of names" : "labels is not empty");
  }
  const settings = manifest.schema < SETTINGS_SINCE ? {} : readSettings(fields, task, labels);
  const files = new Map();
  for (const item of [...fields.list("artifacts"), ...fields.list("files")]) {
    const entry = readEntry(new Fields(item, "edgebert.json"));
    files.set(entry.file, entry);
  }
  const title = new Fields(fields.object("provenance"), "edgebert.json").string("checkpoint");
  return { title, task, labels, settings, text: readText(fields), model: readModel(fields, files), files };
}

/** Reads `golden.json`: texts with the ids and outputs that must come out. */
export function readGolden(content) {
  const golden = parse(content, "golden.json");
  checkSchema(golden, NEWEST_GOLDEN_SCHEMA, "golden.json");
  const cases = new Fields(golden, "golden.json").list("cases");
  if (cases.length === 0) {
    throw damaged("golden.json", "cases is empty, so nothing could be tested");
  }
  return cases.map((item) => {
    const fields = new Fields(item, "golden.json");
    return golden.schema > 1 ? readCase(fields) : readFlatCase(fields);
  });
}

/** Reads a golden case of schema 1, which knew one text and its logits. */
function readFlatCase(fields) {
  const window = { inputIds: fields.numbers("input_ids"), offsets: null, outputs: { logits: fields.numbers("logits") } };
  return { texts: [fields.string("text")], windows: [window] };
}

/** Reads a golden case of schema 2 or 3: texts, and the windows that the model reads them in. */
function readCase(fields) {
  const [texts, windows] = [fields.list("texts"), fields.list("windows")];
  if (texts.length === 0 || windows.length === 0 || texts.some((text) => typeof text !== "string")) {
    throw damaged("golden.json", `a case has ${texts.length} texts in ${windows.length} windows, or one that is no text`);
  }
  return { texts, windows: windows.map((window) => readWindow(new Fields(window, "golden.json"))) };
}

function readWindow(fields) {
  const outputs = Object.entries(fields.object("outputs")).map(([name, value]) => {
    const output = new Fields(value, "golden.json");
    const [shape, values] = [output.numbers("shape"), output.numbers("values")];
    const expected = shape.reduce((product, size) => product * size, 1);
    if (values.length !== expected) {
      throw damaged("golden.json", `values has ${values.length} numbers instead of ${expected}`);
    }
    return [name, values];
  });
  if (outputs.length === 0) {
    throw damaged("golden.json", "outputs is empty");
  }
  const offsets = fields.value.offsets ?? null; // since schema 3
  const isPair = (pair) => Array.isArray(pair) && pair.length === 2 && pair.every(Number.isSafeInteger);
  if (offsets !== null && !(Array.isArray(offsets) && offsets.every(isPair))) {
    throw damaged("golden.json", "offsets is no list of pairs");
  }
  return { inputIds: fields.numbers("input_ids"), offsets, outputs: Object.fromEntries(outputs) };
}

/**
 * Fetches a file that the manifest lists and checks its size and its hash.
 *
 * @param {URL} folder folder of the bundle
 * @param {{file: string, sizeBytes: number, sha256: string}} entry what the manifest says of it
 * @param {(bytes: number) => void} [report] is told how many bytes are there
 * @returns {Promise<Uint8Array>}
 * @throws {Problem} it is missing, or another file than the bundle was made with
 */
export async function fetchChecked(folder, entry, report = () => {}) {
  const content = await fetchBytes(folder, entry.file, entry.sizeBytes, report);
  if (content.length !== entry.sizeBytes) {
    throw damaged(entry.file, `it has ${content.length} bytes instead of ${entry.sizeBytes}`);
  }
  const hash = await sha256(content);
  if (hash !== entry.sha256) {
    throw damaged(entry.file, `it has the sha256 ${hash.slice(0, 12)}... instead of ${entry.sha256.slice(0, 12)}...`);
  }
  return content;
}

/** Returns the sha256 of a manifest in which the 64 digits of its digest are zeros. */
async function digestOf(content) {
  const start = content.indexOf(DIGEST_KEY) + DIGEST_KEY.length;
  return sha256(new TextEncoder().encode(content.slice(0, start) + "0".repeat(64) + content.slice(start + 64)));
}

async function sha256(content) {
  if (globalThis.crypto?.subtle === undefined) {
    throw new Problem("insecure-context", "this browser does not let the page check the hashes of its files", {
      hint: "Open the page by https, or by http on localhost.",
    });
  }
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Fetches the manifest, which no other file has a hash of. */
export async function fetchManifest(folder) {
  return decodeText(await fetchBytes(folder, "edgebert.json", LARGEST_MANIFEST), "edgebert.json");
}

/** Returns the text that bytes in UTF-8 stand for. */
export function decodeText(content, file) {
  try {
    // A mark at the beginning is a character like any other: dropping it would change the first token.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch (error) {
    throw damaged(file, "it is no UTF-8", error);
  }
}

async function fetchBytes(folder, file, limit, report = () => {}) {
  try {
    const response = await fetch(new URL(file, folder), { cache: "no-cache", redirect: "error" });
    if (!response.ok) {
      throw new Problem("missing-file", `the file ${file} of the bundle is missing (HTTP ${response.status})`, {
        hint: AGAIN,
      });
    }
    return await collect(response.body.getReader(), file, limit, report);
  } catch (error) {
    if (error instanceof Problem) {
      throw error;
    }
    throw new Problem("missing-file", `the file ${file} of the bundle could not be fetched`, {
      hint: "Check the connection and load the page again.",
      cause: error,
    });
  }
}

async function collect(reader, file, limit, report) {
  const parts = [];
  let size = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    parts.push(next.value);
    size += next.value.length;
    if (size > limit) {
      await reader.cancel();
      throw damaged(file, `it has more than the ${limit} bytes that it should have`);
    }
    report(size);
  }
  const content = new Uint8Array(size);
  let place = 0;
  for (const part of parts) {
    content.set(part, place);
    place += part.length;
  }
  return content;
}

function readTask(fields) {
  const named = fields.string("task");
  const task = named === FORMER_TASK ? FIRST_TASK : named;
  if (!Object.hasOwn(TASKS, task)) {
    const known = Object.keys(TASKS).join(", ");
    throw new Problem("unknown-task", `the model does "${task}", which this page does not know; it knows ${known}`, {
      hint: "Take the page of the edgebert that made the bundle.",
    });
  }
  return task;
}

/** Reads what the checkpoint fixes of the task beside the labels. */
function readSettings(fields, task, labels) {
  const settings = new Fields(fields.object("settings"), "edgebert.json");
  const thresholds = settings.numbers("thresholds");
  const wanted = task === "multi-label-classification" ? labels.length : 0;
  if (thresholds.length !== wanted || thresholds.some((each) => !(each >= 0 && each <= 1))) {
    throw damaged("edgebert.json", `thresholds is no list of ${wanted} numbers from 0 to 1`);
  }
  const aggregation = settings.value.aggregation ?? "first";
  if (!AGGREGATIONS.includes(aggregation)) {
    throw damaged("edgebert.json", `aggregation is "${aggregation}", which is none of ${AGGREGATIONS.join(", ")}`);
  }
  return {
    thresholds,
    aggregation,
    stride: settings.value.stride == null ? null : settings.count("stride"),
    noAnswer: settings.boolean("no_answer"),
    width: settings.value.width == null ? null : settings.count("width"),
  };
}

function readText(fields) {
  const text = new Fields(fields.object("text"), "edgebert.json");
  const read = {
    lowerCase: text.boolean("lower_case"),
    maxLength: text.count("max_length"),
    padId: text.count("pad_id"),
    clsId: text.count("cls_id"),
    sepId: text.count("sep_id"),
    unkId: text.count("unk_id"),
    addedTokens: "added_tokens" in text.value ? text.list("added_tokens").map(readAddedToken) : [], // since schema 3
  };
  if (read.maxLength < 2) {
    throw damaged("edgebert.json", `max_length is ${read.maxLength}, but the shortest input has 2 tokens`);
  }
  return read;
}

function readAddedToken(item) {
  const fields = new Fields(item, "edgebert.json");
  const content = fields.string("content");
  if (content === "") {
    throw damaged("edgebert.json", "the content of an added token is empty");
  }
  return { content, id: fields.count("id"), normalized: fields.boolean("normalized") };
}

function readModel(fields, files) {
  const found = fields.list("artifacts").filter((item) => item.role === "shipped" && item.format === "onnx");
  const chosen = found.find((item) => item.file === USUAL) ?? found[0];
  if (chosen === undefined) {
    throw new Problem("no-model", "the bundle ships no ONNX file, which is what a browser can run", {
      hint: "Export it again with --formats onnx.",
    });
  }
  const artifact = new Fields(chosen, "edgebert.json");
  const tolerance = artifact.number("tolerance");
  if (!(tolerance > 0)) {
    throw damaged("edgebert.json", `tolerance is ${tolerance}, but should be above 0`);
  }
  return { ...files.get(chosen.file), precision: artifact.string("precision"), tolerance };
}

function readEntry(fields) {
  const entry = { file: fields.string("file"), sizeBytes: fields.count("size_bytes"), sha256: fields.string("sha256") };
  if (!/^[0-9a-f]{64}$/.test(entry.sha256)) {
    throw damaged("edgebert.json", `the sha256 of ${entry.file} is no hash of 64 hexadecimal digits`);
  }
  const parts = entry.file.split("/");
  if (/[\\:?#%\0]/.test(entry.file) || parts.some((part) => ["", ".", ".."].includes(part))) {
    throw damaged("edgebert.json", `file is the path "${entry.file}", which leaves the bundle`);
  }
  return entry;
}

function parse(content, file) {
  try {
    return JSON.parse(content);
  } catch (error) {
    throw damaged(file, `it is no JSON (${error.message})`, error);
  }
}

/** Refuses a file whose schema is too new, before any other field is read. */
function checkSchema(value, newest, file) {
  const schema = new Fields(value, file).count("schema");
  if (schema < 1) {
    throw damaged(file, `schema is ${schema}, but the first was 1`);
  }
  if (schema > newest) {
    throw new Problem(
      "newer-schema",
      `${file}: the model was made by a newer edgebert (schema ${schema}); this page reads up to ${newest}`,
      { hint: "Take the page of the edgebert that made the bundle." },
    );
  }
}

function damaged(file, what, cause) {
  return new Problem("damaged-file", `the file ${file} is damaged: ${what}`, { hint: AGAIN, cause });
}

/** Fields of a JSON object; one that is missing or of another type is a problem that names it. */
class Fields {
  constructor(value, file) {
    if (value === null || typeof value !== "object" || Array.isArray(value)) {
      throw damaged(file, "an object was expected");
    }
    this.value = value;
    this.file = file;
  }

  string = (name) => this.#get(name, "a string", (value) => typeof value === "string");
  boolean = (name) => this.#get(name, "a boolean", (value) => typeof value === "boolean");
  number = (name) => this.#get(name, "a number", (value) => typeof value === "number");
  count = (name) => this.#get(name, "an integer from 0 on", (value) => Number.isSafeInteger(value) && value >= 0);
  list = (name) => this.#get(name, "a list", Array.isArray);
  object = (name) => this.#get(name, "an object", (value) => value !== null && typeof value === "object");
  numbers = (name) =>
    this.#get(name, "a list of numbers", (value) => Array.isArray(value) && value.every((each) => typeof each === "number"));

  #get(name, kind, fits) {
    const value = Object.hasOwn(this.value, name) ? this.value[name] : undefined;
    if (!fits(value)) {
      throw damaged(this.file, value === undefined ? `${name} is missing` : `${name} is not ${kind}`);
    }
    return value;
  }
}
