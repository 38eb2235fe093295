import * as tables from "./unicode-tables.js";

/*
 * What BERT's normalizer and pre-tokenizer do with each code point. The answers come from frozen tables: `\p{...}`,
 * `normalize` and `toLowerCase` go by the Unicode version of the browser, which is another one than the reference's.
 */

const DROPPED = 1;
const WHITE_SPACE = 2;
const CHINESE = 4;
const NONSPACING_MARK = 8;
const PUNCTUATION = 16;

const HANGUL_FIRST = 0xac00;
const HANGUL_LAST = 0xd7a3;
const LEADING = 0x1100;
const VOWEL = 0x1161;
const TRAILING = 0x11a7;
const VOWELS = 21;
const TRAILINGS = 28;

const flags = new Uint8Array(0x110000);
mark(tables.DROPPED, DROPPED);
mark(tables.WHITE_SPACE, WHITE_SPACE);
mark(tables.CHINESE, CHINESE);
mark(tables.NONSPACING_MARKS, NONSPACING_MARK);
mark(tables.PUNCTUATION, PUNCTUATION);

const ranks = readMap(tables.COMBINING_RANKS);
const decompositions = readMap(tables.DECOMPOSITIONS);
const lowerCases = readMap(tables.LOWER_CASE);

/** Returns whether cleaning removes a code point. */
export const isDropped = (code) => (flags[code] & DROPPED) !== 0;

/** Returns whether cleaning makes a code point a space. */
export const isWhiteSpace = (code) => (flags[code] & WHITE_SPACE) !== 0;

/** Returns whether a code point is given a space on both sides. */
export const isChinese = (code) => (flags[code] & CHINESE) !== 0;

/** Returns whether a code point goes where accents are stripped. */
export const isNonspacingMark = (code) => (flags[code] & NONSPACING_MARK) !== 0;

/** Returns whether a code point is a word of its own. */
export const isPunctuation = (code) => (flags[code] & PUNCTUATION) !== 0;

/** Returns the place of a combining character among others beside it; 0 for one that never moves. */
export const combiningRank = (code) => ranks.get(code)?.[0] ?? 0;

/** Returns the lower-case form of a code point, or undefined if it stands for itself. No neighbour has a say in it. */
export const lowerCase = (code) => lowerCases.get(code);

/** Returns a text with each code point in lower case. */
export const inLowerCase = (text) =>
  Array.from(text, (letter) => String.fromCodePoint(...(lowerCase(letter.codePointAt(0)) ?? [letter.codePointAt(0)]))).join("");

/** Returns the full canonical decomposition of a code point, or undefined if it stands for itself. */
export function decomposition(code) {
  if (code < HANGUL_FIRST || code > HANGUL_LAST) {
    return decompositions.get(code);
  }
  const index = code - HANGUL_FIRST;
  const parts = [
    LEADING + Math.floor(index / (VOWELS * TRAILINGS)),
    VOWEL + Math.floor((index % (VOWELS * TRAILINGS)) / TRAILINGS),
  ];
  const trailing = index % TRAILINGS;
  return trailing === 0 ? parts : [...parts, TRAILING + trailing];
}

/** Marks the code points of ranges `gap` or `gap:length` in base 36, the gap counted from the end of the last range. */
function mark(table, flag) {
  let code = 0;
  for (const range of table.split(" ")) {
    const [gap, length = "1"] = range.split(":");
    code += parseInt(gap, 36);
    for (const end = code + parseInt(length, 36); code < end; code++) {
      flags[code] |= flag;
    }
  }
}

/** Reads a map of `gap=value` or `gap=value+value` in base 36, the gap counted from the key before. */
function readMap(table) {
  const map = new Map();
  let key = 0;
  for (const entry of table.split(" ")) {
    const [gap, values] = entry.split("=");
    key += parseInt(gap, 36);
    map.set(
      key,
      values.split("+").map((value) => parseInt(value, 36)),
    );
  }
  return map;
}
