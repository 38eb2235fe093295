/** Anything that is wrong with the bundle, the text or the runtime, in words that the page can show. */
export class Problem extends Error {
  /**
   * @param {string} kind what sort of problem it is, as `damaged-file`; for programs
   * @param {string} message what is wrong, where, and with which value
   * @param {{hint?: string, details?: string[], cause?: unknown}} [more] what to do about it; single findings; the reason
   */
  constructor(kind, message, { hint = "", details = [], cause } = {}) {
    super(message, { cause });
    this.name = "Problem";
    this.kind = kind;
    this.hint = hint;
    this.details = details;
  }

  /** Returns the problem as a plain object, which can be sent between page and worker. */
  plain() {
    return { kind: this.kind, message: this.message, hint: this.hint, details: this.details };
  }

  /** Returns the problem that a plain object describes. */
  static from({ kind, message, hint, details }) {
    return new Problem(kind, message, { hint, details });
  }

  /** Returns any error as a problem: one of ours as it is, another one with its own words behind `what`. */
  static of(error, kind, what) {
    if (error instanceof Problem) {
      return error;
    }
    const words = error instanceof Error ? error.message : String(error);
    return new Problem(kind, words ? `${what}: ${words}` : what, { cause: error });
  }
}
