package io.edgebert.core;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** The labels of a text that can have any number of them. */
public final class LabelScores {
  private final List<String> labels;
  private final double[] probabilities;
  private final List<Double> thresholds;

  LabelScores(List<String> labels, double[] probabilities, List<Double> thresholds) {
    this.labels = labels;
    this.probabilities = probabilities;
    this.thresholds = thresholds;
  }

  /** Returns the labels whose probability is above their threshold, the most probable first. */
  public List<String> answered() {
    List<Integer> indices = new ArrayList<>();
    for (int index = 0; index < probabilities.length; index++) {
      if (has(index)) {
        indices.add(index);
      }
    }
    Collections.sort(indices, (one, other) -> Double.compare(probabilities[other], probabilities[one]));
    List<String> answered = new ArrayList<>();
    for (int index : indices) {
      answered.add(labels.get(index));
    }
    return answered;
  }

  /** Returns whether the probability of a label is above its threshold. */
  public boolean has(int index) {
    return probabilities[index] > thresholds.get(index);
  }

  /** Returns all labels in the order of the model. */
  public List<String> labels() {
    return labels;
  }

  /** Returns the probability of each label; each is from 0 to 1 for itself. */
  public double[] probabilities() {
    return probabilities.clone();
  }

  /** Returns the threshold of each label. */
  public List<Double> thresholds() {
    return thresholds;
  }
}
