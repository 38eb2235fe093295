package io.edgebert.core;

/**
 * An answer, and what it took.
 *
 * @param <A> what an answer is
 */
public final class Answer<A> {
  private final A value;
  private final Encoding encoding;
  private final int length;
  private final long tokenizeNs;
  private final long runNs;

  Answer(A value, Encoding encoding, int length, long tokenizeNs, long runNs) {
    this.value = value;
    this.encoding = encoding;
    this.length = length;
    this.tokenizeNs = tokenizeNs;
    this.runNs = runNs;
  }

  /** Returns the answer itself. */
  public A value() {
    return value;
  }

  /** Returns the tokens of the text, and whether it was cut. */
  public Encoding encoding() {
    return encoding;
  }

  /** Returns the input length that the model ran at, in tokens. */
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
