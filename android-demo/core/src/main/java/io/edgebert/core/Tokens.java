package io.edgebert.core;

import java.util.Arrays;

/** Tokens of a text as they are found, with offsets in code points and the numbers of their words. */
final class Tokens {
  private final int[] positions;
  private final int limit;
  private int[] ids = new int[64];
  private int[] starts = new int[64];
  private int[] ends = new int[64];
  private int[] words = new int[64];
  private int size;
  private int word;

  /**
   * Makes an empty list.
   *
   * @param positions where each code point of the text begins in UTF-16 units, and where the last one ends
   * @param limit how many tokens fit
   */
  Tokens(int[] positions, int limit) {
    this.positions = positions;
    this.limit = limit;
  }

  /** Adds a token of the word that is being read. */
  void add(int id, int start, int end) {
    if (size == ids.length) {
      ids = Arrays.copyOf(ids, 2 * size);
      starts = Arrays.copyOf(starts, 2 * size);
      ends = Arrays.copyOf(ends, 2 * size);
      words = Arrays.copyOf(words, 2 * size);
    }
    ids[size] = id;
    starts[size] = start;
    ends[size] = end;
    words[size++] = word;
  }

  /** Ends a word: the next token is of another one. */
  void endWord() {
    word++;
  }

  int size() {
    return size;
  }

  /** Returns how many tokens were found and fit. */
  int kept() {
    return Math.min(size, limit);
  }

  /** Returns whether there are more tokens than fit, so that looking for others is of no use. */
  boolean full() {
    return size > limit;
  }

  /** Takes back the last tokens. */
  void shrink(int newSize) {
    size = newSize;
  }

  /** Copies tokens into an encoding, from a place of it on. */
  void copy(int from, int to, Encoding target, int place) {
    int count = to - from;
    System.arraycopy(ids, from, target.ids, place, count);
    System.arraycopy(starts, from, target.startCodePoints, place, count);
    System.arraycopy(ends, from, target.endCodePoints, place, count);
    System.arraycopy(words, from, target.words, place, count);
    for (int index = 0; index < count; index++) {
      target.starts[place + index] = positions[starts[from + index]];
      target.ends[place + index] = positions[ends[from + index]];
    }
  }
}
