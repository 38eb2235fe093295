import { isPunctuation } from "./characters.js";
import { Normalizer } from "./normalizer.js";
import { Problem } from "./problem.js";

/** Longest word, in code points after normalization, that is spelled with pieces. */
const MAX_WORD = 100;
const SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const CONTINUATION = "##";
const SPACE = 0x20;

/** The tokens of a `vocab.txt`: one on each line, and the line number, from 0, is the id. */
export class Vocabulary {
  #beginnings = new Map();
  #continuations = new Map();

  /**
   * @param {string} content content of the file
   * @throws {Problem} a token stands there twice, or there are none
   */
  constructor(content) {
    const lines = content.split("\n");
    // The line break that ends the last line begins no other one.
    if (lines.at(-1) === "") {
      lines.pop();
    }
    if (lines.length === 0) {
      throw new Problem("damaged-file", "vocab.txt holds no tokens");
    }
    lines.forEach((token, id) => {
      if (this.#beginnings.has(token)) {
        const first = this.#beginnings.get(token) + 1;
        throw new Problem("damaged-file", `vocab.txt: line ${id + 1} repeats the token of line ${first}`);
      }
      this.#beginnings.set(token, id);
      if (token.startsWith(CONTINUATION)) {
        this.#continuations.set(token.slice(CONTINUATION.length), id);
      }
    });
    this.tokens = lines;
    /** Length of the longest token in UTF-16 units: no piece is looked for beyond it. */
    this.longest = lines.reduce((most, token) => Math.max(most, token.length), 0);
  }

  /** Returns the id of a whole token, or undefined. */
  id(token) {
    return this.#beginnings.get(token);
  }

  /** Returns the id of a piece at the beginning of a word or further on in it, or undefined. */
  piece(text, beginning) {
    return (beginning ? this.#beginnings : this.#continuations).get(text);
  }
}

/**
 * DistilBERT's tokenizer: the ids that Hugging Face's `tokenizers` gives, to the last one.
 *
 * The rules are in docs/tokenizer.md of the edgebert repository.
 */
export class Tokenizer {
  /**
   * @param {Vocabulary} vocabulary the tokens
   * @param {{lowerCase: boolean, maxLength: number, padId: number, clsId: number, sepId: number, unkId: number}} spec
   *   how texts become ids: `text` of the manifest
   * @throws {Problem} the vocabulary has other ids for the special tokens than the spec
   */
  constructor(vocabulary, spec) {
    this.vocabulary = vocabulary;
    this.spec = spec;
    this.specials = SPECIALS.filter((token) => vocabulary.id(token) !== undefined);
    const wanted = { "[PAD]": spec.padId, "[CLS]": spec.clsId, "[SEP]": spec.sepId, "[UNK]": spec.unkId };
    for (const [token, id] of Object.entries(wanted)) {
      const found = vocabulary.id(token);
      if (found !== id) {
        const what = found === undefined ? "the vocabulary does not have it" : `in the vocabulary it has ${found}`;
        throw new Problem("damaged-file", `the manifest says that ${token} has the id ${id}; ${what}`);
      }
    }
  }

  /**
   * Returns the ids of a text.
   *
   * @param {string} text any text, however long
   * @param {number} [maxLength] most ids to return, the two that frame the text included; at least 2
   * @returns {{ids: number[], offsets: number[][], characters: number[][], truncated: boolean}} ids; where each token
   *   begins and ends in the text, in UTF-16 units and in code points; whether tokens were left out
   * @throws {Problem} the text has a lone surrogate
   */
  encode(text, maxLength = this.spec.maxLength) {
    if (!(maxLength >= 2)) {
      throw new Problem("bad-request", `texts cannot be cut to ${maxLength} tokens; the least is 2`);
    }
    const places = placesOf(text);
    const found = { limit: maxLength - 1, tokens: [[this.spec.clsId, 0, 0]] };
    const normalizer = new Normalizer(this.spec.lowerCase);
    let character = 0;
    while (character < places.length - 1 && !isFull(found)) {
      const special = this.#specialAt(text, places[character]);
      if (special === undefined) {
        normalizer.accept(text.codePointAt(places[character]), character);
        character += 1;
      } else {
        this.#words(normalizer, found);
        found.tokens.push([this.vocabulary.id(special), character, character + special.length]);
        character += special.length;
      }
    }
    this.#words(normalizer, found);
    const tokens = [...found.tokens.slice(0, found.limit), [this.spec.sepId, 0, 0]];
    return {
      ids: tokens.map(([id]) => id),
      offsets: tokens.map(([, start, end]) => [places[start], places[end]]),
      characters: tokens.map(([, start, end]) => [start, end]),
      truncated: isFull(found),
    };
  }

  /** Returns the special token that is typed at a place of a text, or undefined. */
  #specialAt(text, place) {
    return text[place] === "[" ? this.specials.find((token) => text.startsWith(token, place)) : undefined;
  }

  /** Adds the tokens of a segment. */
  #words(normalizer, found) {
    normalizer.finish();
    const { codes, origins } = normalizer;
    let start = 0;
    while (start < codes.length && !isFull(found)) {
      let end = start + 1;
      if (codes[start] === SPACE) {
        start = end;
        continue;
      }
      if (!isPunctuation(codes[start])) {
        while (end < codes.length && codes[end] !== SPACE && !isPunctuation(codes[end])) {
          end += 1;
        }
      }
      found.tokens.push(...this.#pieces(codes.slice(start, end), origins.slice(start, end)));
      start = end;
    }
    normalizer.clear();
  }

  /** Returns the tokens of a word: always the longest piece that fits, or one `[UNK]` for all of it. */
  #pieces(codes, origins) {
    const unknown = [[this.spec.unkId, origins[0], origins.at(-1) + 1]];
    if (codes.length > MAX_WORD) {
      return unknown;
    }
    const pieces = [];
    let start = 0;
    while (start < codes.length) {
      let id;
      let end = Math.min(codes.length, start + this.vocabulary.longest);
      let text = String.fromCodePoint(...codes.slice(start, end));
      for (; end > start; end--) {
        id = this.vocabulary.piece(text, start === 0);
        if (id !== undefined) {
          break;
        }
        text = text.slice(0, codes[end - 1] > 0xffff ? -2 : -1);
      }
      if (id === undefined) {
        return unknown;
      }
      pieces.push([id, origins[start], origins[end - 1] + 1]);
      start = end;
    }
    return pieces;
  }
}

/** Returns whether there are more tokens than fit, so that looking for others is of no use. */
function isFull({ tokens, limit }) {
  return tokens.length > limit;
}

/** Returns where each code point of a text begins, and where the last one ends, in UTF-16 units. */
function placesOf(text) {
  const places = [];
  for (let place = 0; place < text.length; ) {
    const code = text.codePointAt(place);
    if (code >= 0xd800 && code <= 0xdfff) {
      throw new Problem(
        "invalid-text",
        `the text is no valid Unicode: character ${places.length} is one half of a pair (a lone surrogate)`,
        { hint: "Delete that character, or copy the text again." },
      );
    }
    places.push(place);
    place += code > 0xffff ? 2 : 1;
  }
  return [...places, text.length];
}
