package io.edgebert.core;

import java.util.List;

/**
 * An answer, and what it took.
 *
 * @param <A> what an answer is
 */
public final class Answer<A> {
  private final A value;
  private final List<Encoding> windows;
  private final int length;
  private final long tokenizeNs;
  private final long runNs;

  Answer(A value, List<Encoding> windows, int length, long tokenizeNs, long runNs) {
    this.value = value;
    this.windows = windows;
    this.length = length;
    this.tokenizeNs = tokenizeNs;
    this.runNs = runNs;
  }

  /** Returns the answer itself. */
  public A value() {
    return value;
  }

  /** Returns the tokens of the text, or of the first window, and whether it was cut. */
  public Encoding encoding() {
    return windows.get(0);
  }

  /** Returns the tokens of each input that the model read: one, or several where a context is long. */
  public List<Encoding> windows() {
    return windows;
  }

  /** Returns the input length that the model ran at, in tokens; of several inputs, that of the longest. */
  public int length() {
    return length;
  }

  /** Returns how long making ids of the text took, in nanoseconds. */
  public long tokenizeNs() {
    return tokenizeNs;
  }

  /** Returns how long the model ran, in nanoseconds. */
  public long runNs() {
    return runNs;
  }
}
