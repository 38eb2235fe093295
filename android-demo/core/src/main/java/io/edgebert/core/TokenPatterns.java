package io.edgebert.core;

import java.util.Arrays;

/** Tokens that are found by their code points; where several begin at a place, the longest is. */
final class TokenPatterns {
  /** A token and the code points that it is found by. */
  static final class Pattern {
    private final int[] codes;
    private final int id;

    private Pattern(int[] codes, int id) {
      this.codes = codes;
      this.id = id;
    }

    /** Returns the id of the token. */
    int id() {
      return id;
    }

    /** Returns the number of code points. */
    int length() {
      return codes.length;
    }
  }

  private static final int BUCKETS = 64;

  // By the last bits of the first code point, longest first.
  private final Pattern[][] buckets = new Pattern[BUCKETS][];

  /**
   * Adds a token.
   *
   * @param codes its code points, at least one
   * @param id its id
   * @return whether there was no token with these code points
   */
  boolean add(int[] codes, int id) {
    int bucket = codes[0] % BUCKETS;
    Pattern[] old = buckets[bucket] == null ? new Pattern[0] : buckets[bucket];
    for (Pattern pattern : old) {
      if (Arrays.equals(pattern.codes, codes)) {
        return false;
      }
    }
    Pattern[] patterns = Arrays.copyOf(old, old.length + 1);
    patterns[old.length] = new Pattern(codes, id);
    Arrays.sort(patterns, (one, other) -> other.length() - one.length());
    buckets[bucket] = patterns;
    return true;
  }

  /**
   * Returns the longest token at a place of a text, or null if there is none.
   *
   * @param text the text
   * @param place where to look, in UTF-16 units
   * @param first the code point there
   */
  Pattern at(String text, int place, int first) {
    Pattern[] patterns = buckets[first % BUCKETS];
    if (patterns != null) {
      for (Pattern pattern : patterns) {
        if (matches(pattern.codes, text, place)) {
          return pattern;
        }
      }
    }
    return null;
  }

  /**
   * Returns the longest token at a place of a normalized text, or null if there is none.
   *
   * @param text the text
   * @param place where to look, in code points
   */
  Pattern at(NormalizedText text, int place) {
    Pattern[] patterns = buckets[text.code(place) % BUCKETS];
    if (patterns != null) {
      for (Pattern pattern : patterns) {
        if (matches(pattern.codes, text, place)) {
          return pattern;
        }
      }
    }
    return null;
  }

  private static boolean matches(int[] codes, String text, int place) {
    int at = place;
    for (int code : codes) {
      if (at >= text.length() || text.codePointAt(at) != code) {
        return false;
      }
      at += Character.charCount(code);
    }
    return true;
  }

  private static boolean matches(int[] codes, NormalizedText text, int place) {
    if (codes.length > text.size() - place) {
      return false;
    }
    for (int index = 0; index < codes.length; index++) {
      if (text.code(place + index) != codes[index]) {
        return false;
      }
    }
    return true;
  }
}
