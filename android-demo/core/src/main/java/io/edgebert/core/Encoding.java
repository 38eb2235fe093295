package io.edgebert.core;

/**
 * The ids of a text, and which part of the text each of them stands for.
 *
 * <p>Offsets are half-open ranges of the original text. They come in two units: UTF-16, which {@link String#substring}
 * and a text view count in, and code points, which Python and Hugging Face count in. The two tokens that frame the text
 * have the empty range 0 to 0.
 */
public final class Encoding {
  private final int[] ids;
  private final int[] starts;
  private final int[] ends;
  private final int[] startCodePoints;
  private final int[] endCodePoints;
  private final boolean truncated;

  Encoding(int[] ids, int[] starts, int[] ends, int[] startCodePoints, int[] endCodePoints, boolean truncated) {
    this.ids = ids;
    this.starts = starts;
    this.ends = ends;
    this.startCodePoints = startCodePoints;
    this.endCodePoints = endCodePoints;
    this.truncated = truncated;
  }

  /** Returns the number of tokens, the two that frame the text included. */
  public int size() {
    return ids.length;
  }

  /** Returns the ids, special tokens included, not padded. */
  public int[] ids() {
    return ids.clone();
  }

  /** Returns whether the text had more tokens than fit. */
  public boolean truncated() {
    return truncated;
  }

  /** Returns where the text of a token begins, in UTF-16 units. */
  public int start(int token) {
    return starts[token];
  }

  /** Returns where the text of a token ends, in UTF-16 units. */
  public int end(int token) {
    return ends[token];
  }

  /** Returns where the text of a token begins, in code points. */
  public int startCodePoint(int token) {
    return startCodePoints[token];
  }

  /** Returns where the text of a token ends, in code points. */
  public int endCodePoint(int token) {
    return endCodePoints[token];
  }
}
