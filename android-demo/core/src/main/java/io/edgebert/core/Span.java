package io.edgebert.core;

/** The part of a context that answers a question, or that nothing in it does. */
public final class Span {
  private final String answer;
  private final int start;
  private final int end;
  private final double score;

  Span(String answer, int start, int end, double score) {
    this.answer = answer;
    this.start = start;
    this.end = end;
    this.score = score;
  }

  /** Returns the part of the context; {@code null} if nothing in it is an answer. */
  public String answer() {
    return answer;
  }

  /** Returns where it begins in the context, in UTF-16 units; 0 if there is none. */
  public int start() {
    return start;
  }

  /** Returns where it ends in the context, in UTF-16 units; 0 if there is none. */
  public int end() {
    return end;
  }

  /** Returns how sure the model is, from 0 to 1; several windows that give the same answer add up. */
  public double score() {
    return score;
  }
}
