package io.edgebert.core;

import java.util.Arrays;

/**
 * BERT's normalizer: cleans a text, puts spaces around Chinese characters, and, for an uncased model, decomposes it,
 * strips accents and lower-cases it.
 *
 * <p>Holds state while it works; each call of the tokenizer makes one.
 */
final class TextNormalizer {
  private final boolean lowerCase;
  private final NormalizedText output;

  // Combining characters that follow one another and still have to be put into canonical order.
  private int[] runCodes = new int[8];
  private boolean[] runFirst = new boolean[8];
  private int runSize;

  // Where the characters came from that began in the run, and how many of them.
  private int[] runOrigins = new int[8];
  private int runOriginCount;

  private int lastOrigin;

  TextNormalizer(boolean lowerCase, NormalizedText output) {
    this.lowerCase = lowerCase;
    this.output = output;
  }

  /** Takes the next code point of the original text. */
  void accept(int code, int origin) {
    if (code >= ' ' && code <= '~') {
      take(code, origin);
    } else if (Characters.isDropped(code)) {
      return;
    } else if (Characters.isWhiteSpace(code)) {
      take(' ', origin);
    } else if (Characters.isChinese(code)) {
      take(' ', origin);
      take(code, origin);
      take(' ', origin);
    } else {
      take(code, origin);
    }
  }

  /** Ends the text, or a part of it that is normalized on its own. */
  void finish() {
    flush();
  }

  private void take(int code, int origin) {
    if (!lowerCase) {
      output.add(code, origin);
    } else if (code < 0x80) {
      starter(code, origin, true);
    } else {
      decompose(code, origin);
    }
  }

  private void decompose(int code, int origin) {
    int[] parts = Characters.decomposition(code);
    if (parts == null) {
      part(code, origin, true);
    } else {
      for (int index = 0; index < parts.length; index++) {
        part(parts[index], origin, index == 0);
      }
    }
  }

  private void part(int code, int origin, boolean first) {
    if (Characters.combiningRank(code) == 0) {
      starter(code, origin, first);
      return;
    }
    if (runSize == runCodes.length) {
      runCodes = Arrays.copyOf(runCodes, 2 * runSize);
      runFirst = Arrays.copyOf(runFirst, 2 * runSize);
      runOrigins = Arrays.copyOf(runOrigins, 2 * runSize);
    }
    runCodes[runSize] = code;
    runFirst[runSize++] = first;
    if (first) {
      runOrigins[runOriginCount++] = origin;
    }
  }

  private void starter(int code, int origin, boolean first) {
    flush();
    if (first) {
      lastOrigin = origin;
    }
    emit(code);
  }

  /**
   * Emits the run in canonical order.
   *
   * <p>As in the reference, origins do not move along with the characters: the first character that is no later part of
   * a decomposition gets the first origin, and so on.
   */
  private void flush() {
    if (runSize == 0) {
      return;
    }
    long[] order = new long[runSize];
    for (int index = 0; index < runSize; index++) {
      order[index] = (long) Characters.combiningRank(runCodes[index]) << 32 | index;
    }
    Arrays.sort(order);
    int taken = 0;
    for (long key : order) {
      int index = (int) key;
      if (runFirst[index]) {
        lastOrigin = runOrigins[taken++];
      }
      emit(runCodes[index]);
    }
    runSize = 0;
    runOriginCount = 0;
  }

  private void emit(int code) {
    if (code < 0x80) {
      output.add(code >= 'A' && code <= 'Z' ? code + ('a' - 'A') : code, lastOrigin);
      return;
    }
    if (Characters.isNonspacingMark(code)) {
      return;
    }
    int[] lower = Characters.lowerCase(code);
    if (lower == null) {
      output.add(code, lastOrigin);
      return;
    }
    for (int part : lower) {
      output.add(part, lastOrigin);
    }
  }
}
