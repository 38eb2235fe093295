package io.edgebert.core;

import java.util.Arrays;

/** Code points, each with the place in the original text that it came from. */
final class NormalizedText {
  private int[] codes;
  private int[] origins;
  private int size;

  NormalizedText(int capacity) {
    codes = new int[capacity];
    origins = new int[capacity];
  }

  /**
   * Adds a code point.
   *
   * @param code the code point
   * @param origin which code point of the original text it came from, counted from 0
   */
  void add(int code, int origin) {
    if (size == codes.length) {
      int capacity = Math.max(16, size + (size >> 1));
      codes = Arrays.copyOf(codes, capacity);
      origins = Arrays.copyOf(origins, capacity);
    }
    codes[size] = code;
    origins[size++] = origin;
  }

  void clear() {
    size = 0;
  }

  /** Returns all code points. */
  int[] codes() {
    return Arrays.copyOf(codes, size);
  }

  int size() {
    return size;
  }

  int code(int index) {
    return codes[index];
  }

  int origin(int index) {
    return origins[index];
  }
}
