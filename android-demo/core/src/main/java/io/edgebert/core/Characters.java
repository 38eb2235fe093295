package io.edgebert.core;

import java.util.Arrays;

/**
 * What BERT's normalizer and pre-tokenizer do with each code point.
 *
 * <p>The answers come from frozen tables. {@link Character} must not be asked: it knows another Unicode version than
 * the reference, and another one on every phone.
 */
final class Characters {
  private static final int PAGE_BITS = 8;
  private static final int PAGE = 1 << PAGE_BITS;

  private static final int DROPPED = 1;
  private static final int WHITE_SPACE = 1 << 1;
  private static final int CHINESE = 1 << 2;
  private static final int NONSPACING_MARK = 1 << 3;
  private static final int PUNCTUATION = 1 << 4;
  private static final int COMBINING = 1 << 5;
  private static final int DECOMPOSED = 1 << 6;
  private static final int UPPER_CASE = 1 << 7;

  private static final int HANGUL_FIRST = 0xAC00;
  private static final int HANGUL_LAST = 0xD7A3;
  private static final int LEADING = 0x1100;
  private static final int VOWEL = 0x1161;
  private static final int TRAILING = 0x11A7;
  private static final int VOWELS = 21;
  private static final int TRAILINGS = 28;

  private static final CodePointMap RANKS = new CodePointMap(UnicodeTables.COMBINING_RANKS);
  private static final CodePointMap DECOMPOSITIONS = new CodePointMap(UnicodeTables.DECOMPOSITIONS);
  private static final CodePointMap LOWER_CASE = new CodePointMap(UnicodeTables.LOWER_CASE);
  private static final byte[][] FLAGS = flags();

  private Characters() {}

  /** Returns whether cleaning removes a code point. */
  static boolean isDropped(int code) {
    return has(code, DROPPED);
  }

  /** Returns whether cleaning makes a code point a space. */
  static boolean isWhiteSpace(int code) {
    return has(code, WHITE_SPACE);
  }

  /** Returns whether a code point is given a space on both sides. */
  static boolean isChinese(int code) {
    return has(code, CHINESE);
  }

  /** Returns whether a code point goes where accents are stripped. */
  static boolean isNonspacingMark(int code) {
    return has(code, NONSPACING_MARK);
  }

  /** Returns whether a code point is a word of its own. */
  static boolean isPunctuation(int code) {
    return has(code, PUNCTUATION);
  }

  /** Returns the place of a combining character among others beside it; 0 for one that never moves. */
  static int combiningRank(int code) {
    return has(code, COMBINING) ? RANKS.get(code)[0] : 0;
  }

  /** Returns the full canonical decomposition of a code point, or null if it stands for itself. */
  static int[] decomposition(int code) {
    if (code >= HANGUL_FIRST && code <= HANGUL_LAST) {
      return hangul(code - HANGUL_FIRST);
    }
    return has(code, DECOMPOSED) ? DECOMPOSITIONS.get(code) : null;
  }

  /** Returns a text with each code point in lower case. No neighbour has a say in it. */
  static String lowerCase(String text) {
    StringBuilder lowered = new StringBuilder(text.length());
    for (int at = 0; at < text.length(); ) {
      int code = text.codePointAt(at);
      int[] form = lowerCase(code);
      if (form == null) {
        lowered.appendCodePoint(code);
      } else {
        for (int each : form) {
          lowered.appendCodePoint(each);
        }
      }
      at += Character.charCount(code);
    }
    return lowered.toString();
  }

  /** Returns the lower-case form of a code point, or null if it stands for itself. No neighbour has a say in it. */
  static int[] lowerCase(int code) {
    return has(code, UPPER_CASE) ? LOWER_CASE.get(code) : null;
  }

  private static int[] hangul(int index) {
    int leading = LEADING + index / (VOWELS * TRAILINGS);
    int vowel = VOWEL + index % (VOWELS * TRAILINGS) / TRAILINGS;
    int trailing = index % TRAILINGS;
    return trailing == 0 ? new int[] {leading, vowel} : new int[] {leading, vowel, TRAILING + trailing};
  }

  private static boolean has(int code, int flag) {
    return (FLAGS[code >> PAGE_BITS][code & (PAGE - 1)] & flag) != 0;
  }

  private static byte[][] flags() {
    byte[][] pages = new byte[(Character.MAX_CODE_POINT + 1) >> PAGE_BITS][];
    byte[] empty = new byte[PAGE];
    Arrays.fill(pages, empty);
    markRanges(pages, empty, UnicodeTables.DROPPED, DROPPED);
    markRanges(pages, empty, UnicodeTables.WHITE_SPACE, WHITE_SPACE);
    markRanges(pages, empty, UnicodeTables.CHINESE, CHINESE);
    markRanges(pages, empty, UnicodeTables.NONSPACING_MARKS, NONSPACING_MARK);
    markRanges(pages, empty, UnicodeTables.PUNCTUATION, PUNCTUATION);
    for (int code : RANKS.keys()) {
      mark(pages, empty, code, COMBINING);
    }
    for (int code : DECOMPOSITIONS.keys()) {
      mark(pages, empty, code, DECOMPOSED);
    }
    for (int code : LOWER_CASE.keys()) {
      mark(pages, empty, code, UPPER_CASE);
    }
    return pages;
  }

  private static void markRanges(byte[][] pages, byte[] empty, String table, int flag) {
    int code = 0;
    for (String range : table.split(" ")) {
      int colon = range.indexOf(':');
      code += Integer.parseInt(colon < 0 ? range : range.substring(0, colon), 36);
      int length = colon < 0 ? 1 : Integer.parseInt(range.substring(colon + 1), 36);
      for (int end = code + length; code < end; code++) {
        mark(pages, empty, code, flag);
      }
    }
  }

  private static void mark(byte[][] pages, byte[] empty, int code, int flag) {
    int page = code >> PAGE_BITS;
    if (pages[page] == empty) {
      pages[page] = new byte[PAGE];
    }
    pages[page][code & (PAGE - 1)] |= (byte) flag;
  }
}
