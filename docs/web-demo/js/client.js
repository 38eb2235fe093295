import { Problem } from "./problem.js";

/** What a worker does that could not even load its module: nothing else would tell the page. */
const SAY = `(error) => self.postMessage({
  kind: "refused",
  problem: { kind: "crash", message: "the worker of the page could not be loaded: " + error.message, hint: "", details: [] },
})`;

/** The page's side of the worker that holds the model. */
export class Client {
  #worker;
  #pending = new Map();
  #count = 0;
  #refuse;

  /**
   * Starts the worker; it begins to load the model at once.
   *
   * @param {URL} script the worker's module
   * @param {(step: {step: string, done: number, of: number}) => void} report is told how far things are
   */
  constructor(script, report) {
    /** Settles once the model is ready, with what is known of it, or refuses to answer, with a {@link Problem}. */
    this.ready = new Promise((resolve, reject) => {
      this.#refuse = reject;
      // A worker of its own address would have the policy of its own headers. One made of a blob has the page's, so
      // that nothing in it can reach another server either.
      const source = new Blob([`import(${JSON.stringify(script.href)}).catch(${SAY})`], { type: "text/javascript" });
      this.#worker = new Worker(URL.createObjectURL(source));
      this.#worker.addEventListener("error", (event) => this.#fail(event.message));
      this.#worker.addEventListener("message", ({ data }) => this.#receive(data, resolve, report));
    });
  }

  /**
   * Returns the answer to a text, or to a question and a context, once the model is ready.
   *
   * @throws {Problem} there is none
   */
  async answer(...texts) {
    await this.ready;
    this.#count += 1;
    const id = this.#count;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ kind: "answer", id, texts });
    });
  }

  #receive(message, resolve, report) {
    const asked = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    switch (message.kind) {
      case "progress":
        return report(message);
      case "ready":
        return resolve(message.model);
      case "refused":
        return this.#refuse(Problem.from(message.problem));
      case "answer":
        return asked.resolve(message.answer);
      default:
        return asked.reject(Problem.from(message.problem));
    }
  }

  #fail(words) {
    const problem = new Problem("crash", `the worker of the page failed: ${words || "it could not be loaded"}`, {
      hint: "Load the page again.",
    });
    this.#refuse(problem);
    this.#pending.forEach(({ reject }) => reject(problem));
    this.#pending.clear();
  }
}
