package io.edgebert.demo;

/** A bar, and the words above it. */
final class Bar {
  private final String words;
  private final double share;
  private final boolean low;

  /**
   * Makes a bar.
   *
   * @param words what it stands for
   * @param share how long it is, from 0 to 1; less than 0 is nothing
   * @param low whether it stays below its threshold
   */
  Bar(String words, double share, boolean low) {
    this.words = words;
    this.share = share;
    this.low = low;
  }

  String words() {
    return words;
  }

  double share() {
    return share;
  }

  boolean low() {
    return low;
  }
}
