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
 * The token IDs of one input of the model, and which part of which text each token stands for. Special tokens that frame
 * the texts have the offsets [0, 0] and -1 for word and sequence.
 *
 * @typedef {object} Encoding
 * @property {number[]} ids token IDs, not padded
 * @property {number[][]} offsets where each token begins and ends in its own text, in UTF-16 units
 * @property {number[][]} characters the same in code points
 * @property {number[]} words which word of its text each token is of, counted from 0
 * @property {number[]} sequences which text each token is of: 0, or 1 for the second one
 * @property {boolean} truncated whether the first text had more tokens than fit
 */

/**
 * DistilBERT's tokenizer: the ids that Hugging Face's `tokenizers` gives, to the last one.
 *
 * The rules are in docs/tokenizer.md of the edgebert repository.
 */
export class Tokenizer {
  #typed = new Patterns();
  #normalized = new Patterns();

  /**
   * @param {Vocabulary} vocabulary the tokens
   * @param {{lowerCase: boolean, maxLength: number, padId: number, clsId: number, sepId: number, unkId: number,
   *   addedTokens: {content: string, id: number, normalized: boolean}[]}} spec how texts become ids: `text` of the
   *   manifest
   * @throws {Problem} the vocabulary has other ids for special or added tokens than the spec, or two of these cannot be
   *   told apart
   */
  constructor(vocabulary, spec) {
    this.vocabulary = vocabulary;
    this.spec = spec;
    const wanted = { "[PAD]": spec.padId, "[CLS]": spec.clsId, "[SEP]": spec.sepId, "[UNK]": spec.unkId };
    for (const [token, id] of Object.entries(wanted)) {
      const found = vocabulary.id(token);
      if (found !== id) {
        const what = found === undefined ? "the vocabulary does not have it" : `in the vocabulary it has ${found}`;
        throw new Problem("damaged-file", `the manifest says that ${token} has the id ${id}; ${what}`);
      }
    }
    for (const token of SPECIALS.filter((special) => vocabulary.id(special) !== undefined)) {
      this.#typed.add(codesOf(token), vocabulary.id(token));
    }
    spec.addedTokens.forEach((token) => this.#add(token));
  }

  /** Returns the token with an id. */
  token(id) {
    return this.vocabulary.tokens[id] ?? this.spec.addedTokens.find((token) => token.id === id)?.content;
  }

  /**
   * Returns the ids of a text.
   *
   * @param {string} text any text, however long
   * @param {number} [maxLength] most ids to return, the two that frame the text included; at least 2
   * @returns {Encoding}
   * @throws {Problem} the text has a lone surrogate
   */
  encode(text, maxLength = this.spec.maxLength) {
    if (!(maxLength >= 2)) {
      throw new Problem("bad-request", `texts cannot be cut to ${maxLength} tokens; the least is 2`);
    }
    return this.#framed([this.#tokens(text, maxLength - 2)]);
  }

  /**
   * Returns the inputs for two texts: the first one and, window by window, the second.
   *
   * The first text is cut to a third of the input. Each window has as much of the second text as fits; the last one may
   * have less. An empty second text has one window.
   *
   * @param {string} first any text, as a question
   * @param {string} second any text, as the context that answers it
   * @param {number} stride tokens of the second text that a window has in common with the next one
   * @param {number} [maxLength] most ids of an input, the three that frame the texts included
   * @returns {Encoding[]} at least one; `truncated` says whether the first text was cut
   * @throws {Problem} a text has a lone surrogate, or the stride leaves no room to go on
   */
  windows(first, second, stride, maxLength = this.spec.maxLength) {
    const start = this.#tokens(first, Math.floor(maxLength / 3));
    const room = maxLength - 3 - start.tokens.length;
    if (!(stride >= 0 && stride < room)) {
      const words = `windows of ${maxLength} tokens have room for ${room} of the second text, which cannot share ${stride}`;
      throw new Problem("bad-request", words);
    }
    const rest = this.#tokens(second, Infinity);
    const windows = [];
    let from = 0;
    for (; rest.tokens.length - from > room; from += room - stride) {
      windows.push(this.#framed([start, { ...rest, tokens: rest.tokens.slice(from, from + room) }]));
    }
    windows.push(this.#framed([start, { ...rest, tokens: rest.tokens.slice(from) }]));
    return windows;
  }

  /** Returns the input for the tokens of texts, with the special tokens that frame them. */
  #framed(texts) {
    const framed = [[this.spec.clsId, 0, 0, -1, -1]];
    const offsets = [[0, 0]];
    texts.forEach(({ tokens, places }, sequence) => {
      for (const [id, start, end, word] of tokens) {
        framed.push([id, start, end, word, sequence]);
        offsets.push([places[start], places[end]]);
      }
      framed.push([this.spec.sepId, 0, 0, -1, -1]);
      offsets.push([0, 0]);
    });
    return {
      ids: framed.map(([id]) => id),
      offsets,
      characters: framed.map(([, start, end]) => [start, end]),
      words: framed.map(([, , , word]) => word),
      sequences: framed.map(([, , , , sequence]) => sequence),
      truncated: texts[0].truncated,
    };
  }

  /** Returns the first tokens of a text, each as id, start, end (in code points) and number of the word. */
  #tokens(text, limit) {
    const places = placesOf(text);
    const found = { limit, tokens: [], word: 0 };
    const normalizer = new Normalizer(this.spec.lowerCase);
    const codes = codesOf(text);
    let character = 0;
    while (character < codes.length && !isFull(found)) {
      const token = this.#typed.at(codes, character);
      if (token === undefined) {
        normalizer.accept(codes[character], character);
        character += 1;
      } else {
        this.#segment(normalizer, found);
        found.tokens.push([token.id, character, character + token.codes.length, found.word++]);
        character += token.codes.length;
      }
    }
    this.#segment(normalizer, found);
    const truncated = isFull(found);
    return { tokens: truncated ? found.tokens.slice(0, limit) : found.tokens, places, truncated };
  }

  #add({ content, id, normalized }) {
    const found = this.vocabulary.id(content);
    if (found === undefined ? id < this.vocabulary.tokens.length : found !== id) {
      const what = found === undefined ? `that is ${this.vocabulary.tokens[id]}` : `it has ${found}`;
      throw new Problem(
        "damaged-file",
        `the manifest says that the added token ${content} has the id ${id}; in the vocabulary ${what}`,
      );
    }
    let codes = codesOf(content);
    if (normalized) {
      const normalizer = new Normalizer(this.spec.lowerCase);
      codes.forEach((code) => normalizer.accept(code, 0));
      normalizer.finish();
      codes = normalizer.codes;
    }
    if (codes.length === 0 || !(normalized ? this.#normalized : this.#typed).add(codes, id)) {
      const what = codes.length === 0 ? ", of which nothing is left when it is normalized" : " twice";
      throw new Problem("damaged-file", `the manifest has the added token ${content}${what}`);
    }
  }

  /** Adds the tokens of a segment. */
  #segment(normalizer, found) {
    normalizer.finish();
    const { codes, origins } = normalizer;
    let start = 0;
    let place = 0;
    while (place < codes.length && !isFull(found)) {
      const token = this.#normalized.at(codes, place);
      if (token === undefined) {
        place += 1;
      } else {
        this.#words(codes, origins, start, place, found);
        start = place + token.codes.length;
        found.tokens.push([token.id, origins[place], origins[start - 1] + 1, found.word++]);
        place = start;
      }
    }
    this.#words(codes, origins, start, codes.length, found);
    normalizer.clear();
  }

  /** Adds the tokens of the words in a part of a segment. */
  #words(codes, origins, begin, finish, found) {
    let start = begin;
    while (start < finish && !isFull(found)) {
      let end = start + 1;
      if (codes[start] === SPACE) {
        start = end;
        continue;
      }
      if (!isPunctuation(codes[start])) {
        while (end < finish && codes[end] !== SPACE && !isPunctuation(codes[end])) {
          end += 1;
        }
      }
      found.tokens.push(...this.#pieces(codes.slice(start, end), origins.slice(start, end), found.word++));
      start = end;
    }
  }

  /** Returns the tokens of a word: always the longest piece that fits, or one `[UNK]` for all of it. */
  #pieces(codes, origins, word) {
    const unknown = [[this.spec.unkId, origins[0], origins.at(-1) + 1, word]];
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
      pieces.push([id, origins[start], origins[end - 1] + 1, word]);
      start = end;
    }
    return pieces;
  }
}

/** Tokens that are found by their code points; where several begin at a place, the longest is. */
class Patterns {
  #byFirst = new Map();

  /** Adds a token and returns whether there was none with these code points. */
  add(codes, id) {
    const others = this.#byFirst.get(codes[0]) ?? [];
    if (others.some((other) => other.codes.length === codes.length && isAt(other.codes, codes, 0))) {
      return false;
    }
    this.#byFirst.set(
      codes[0],
      [...others, { codes, id }].sort((one, other) => other.codes.length - one.codes.length),
    );
    return true;
  }

  /** Returns the longest token at a place of a text, both in code points, or undefined. */
  at(codes, place) {
    return this.#byFirst.get(codes[place])?.find((token) => isAt(token.codes, codes, place));
  }
}

function isAt(pattern, codes, place) {
  return pattern.every((code, index) => codes[place + index] === code);
}

function codesOf(text) {
  return Array.from(text, (character) => character.codePointAt(0));
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
