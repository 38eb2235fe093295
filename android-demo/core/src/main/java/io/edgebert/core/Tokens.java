package io.edgebert.core;

import java.util.Arrays;

/** Tokens of a text as they are found, with offsets in code points. */
final class Tokens {
  private final int limit;
  private int[] ids = new int[64];
  private int[] starts = new int[64];
  private int[] ends = new int[64];
  private int size;

  /**
   * Makes an empty list.
   *
   * @param limit how many tokens fit
   */
  Tokens(int limit) {
    this.limit = limit;
  }

  void add(int id, int start, int end) {
    if (size == ids.length) {
      ids = Arrays.copyOf(ids, 2 * size);
      starts = Arrays.copyOf(starts, 2 * size);
      ends = Arrays.copyOf(ends, 2 * size);
    }
    ids[size] = id;
    starts[size] = start;
    ends[size++] = end;
  }

  int size() {
    return size;
  }

  /** Returns whether there are more tokens than fit, so that looking for others is of no use. */
  boolean full() {
    return size > limit;
  }

  /** Takes back the last tokens. */
  void shrink(int newSize) {
    size = newSize;
  }

  /**
   * Returns the tokens that fit and the one that ends the input.
   *
   * @param sepId id of the one that ends the input
   * @param positions where each code point of the text begins in UTF-16 units, and where the last one ends
   */
  Encoding frame(int sepId, int[] positions) {
    int kept = Math.min(size, limit);
    boolean truncated = size > limit;
    size = kept;
    add(sepId, 0, 0);
    int[] startCodePoints = Arrays.copyOf(starts, size);
    int[] endCodePoints = Arrays.copyOf(ends, size);
    return new Encoding(
        Arrays.copyOf(ids, size),
        at(positions, startCodePoints),
        at(positions, endCodePoints),
        startCodePoints,
        endCodePoints,
        truncated);
  }

  private static int[] at(int[] positions, int[] codePoints) {
    int[] places = new int[codePoints.length];
    for (int index = 0; index < places.length; index++) {
      places[index] = positions[codePoints[index]];
    }
    return places;
  }
}
