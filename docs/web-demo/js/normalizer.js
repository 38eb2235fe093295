import {
  combiningRank,
  decomposition,
  isChinese,
  isDropped,
  isNonspacingMark,
  isWhiteSpace,
  lowerCase,
} from "./characters.js";

const SPACE = 0x20;

/**
 * BERT's normalizer: cleans a text, puts spaces around Chinese characters, and, for an uncased model, decomposes it,
 * strips accents and lower-cases it.
 *
 * Code points go in one by one; what becomes of them is in `codes`, and `origins` says for each which code point of the
 * original text it came from.
 */
export class Normalizer {
  #lowerCase;

  // Combining characters that follow one another and still have to be put into canonical order.
  #run = [];
  #lastOrigin = 0;

  constructor(lowerCase) {
    this.#lowerCase = lowerCase;
    this.codes = [];
    this.origins = [];
  }

  /** Takes the next code point of the original text; `origin` counts them. */
  accept(code, origin) {
    if (isDropped(code)) {
      return;
    }
    if (isWhiteSpace(code)) {
      this.#take(SPACE, origin);
    } else if (isChinese(code)) {
      this.#take(SPACE, origin);
      this.#take(code, origin);
      this.#take(SPACE, origin);
    } else {
      this.#take(code, origin);
    }
  }

  /** Ends a segment: what follows is normalized on its own. */
  finish() {
    this.#flush();
  }

  /** Forgets what was put out. */
  clear() {
    this.codes = [];
    this.origins = [];
  }

  #take(code, origin) {
    if (!this.#lowerCase) {
      this.#put(code, origin);
    } else if (code < 0x80) {
      this.#starter(code, origin, true);
    } else {
      const parts = decomposition(code) ?? [code];
      parts.forEach((part, index) => this.#part(part, origin, index === 0));
    }
  }

  #part(code, origin, first) {
    const rank = combiningRank(code);
    if (rank === 0) {
      this.#starter(code, origin, first);
    } else {
      this.#run.push({ code, rank, first, origin });
    }
  }

  #starter(code, origin, first) {
    this.#flush();
    if (first) {
      this.#lastOrigin = origin;
    }
    this.#emit(code);
  }

  /**
   * Emits the run in canonical order.
   *
   * As in the reference, origins do not move along with the characters: the first character that is no later part of a
   * decomposition gets the first origin, and so on.
   */
  #flush() {
    if (this.#run.length === 0) {
      return;
    }
    const origins = this.#run.filter((each) => each.first).map((each) => each.origin);
    let taken = 0;
    for (const each of this.#run.sort((one, other) => one.rank - other.rank)) {
      if (each.first) {
        this.#lastOrigin = origins[taken++];
      }
      this.#emit(each.code);
    }
    this.#run = [];
  }

  #emit(code) {
    if (!isNonspacingMark(code)) {
      for (const part of lowerCase(code) ?? [code]) {
        this.#put(part, this.#lastOrigin);
      }
    }
  }

  #put(code, origin) {
    this.codes.push(code);
    this.origins.push(origin);
  }
}
