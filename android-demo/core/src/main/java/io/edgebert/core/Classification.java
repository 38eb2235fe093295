package io.edgebert.core;

import java.util.List;

/** The label of a text. */
public final class Classification {
  private final List<String> labels;
  private final double[] probabilities;
  private final int best;

  Classification(List<String> labels, double[] probabilities, int best) {
    this.labels = labels;
    this.probabilities = probabilities;
    this.best = best;
  }

  /** Returns the most probable label; the first of them if several are. */
  public String label() {
    return labels.get(best);
  }

  /** Returns the place of that label in {@link #labels()}. */
  public int index() {
    return best;
  }

  /** Returns its probability, from 0 to 1. */
  public double probability() {
    return probabilities[best];
  }

  /** Returns all labels in the order of the model. */
  public List<String> labels() {
    return labels;
  }

  /** Returns the probability of each label; they add up to 1. */
  public double[] probabilities() {
    return probabilities.clone();
  }
}
