package io.edgebert.core;

/** A part of a text that the model has a name for. */
public final class Entity {
  private final String text;
  private final String type;
  private final int start;
  private final int end;
  private final double score;

  Entity(String text, String type, int start, int end, double score) {
    this.text = text;
    this.type = type;
    this.start = start;
    this.end = end;
    this.score = score;
  }

  /** Returns the part of the text. */
  public String text() {
    return text;
  }

  /** Returns what it is: a label of the model without its {@code B-} or {@code I-}. */
  public String type() {
    return type;
  }

  /** Returns where it begins in the text, in UTF-16 units. */
  public int start() {
    return start;
  }

  /** Returns where it ends in the text, in UTF-16 units. */
  public int end() {
    return end;
  }

  /** Returns the mean probability of its tokens or words, from 0 to 1. */
  public double score() {
    return score;
  }
}
