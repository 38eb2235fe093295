package io.edgebert.core;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Makes any number of labels of logits. */
public final class LabelsDecoder implements Decoder<LabelScores> {
  private final List<String> labels;
  private final List<Double> thresholds;

  /**
   * Makes a decoder.
   *
   * @param labels label names in the order of the logits
   * @param thresholds probability above which each label is an answer
   */
  public LabelsDecoder(List<String> labels, List<Double> thresholds) {
    if (labels.size() != thresholds.size()) {
      throw new IllegalArgumentException(labels.size() + " labels have " + thresholds.size() + " thresholds");
    }
    this.labels = Collections.unmodifiableList(new ArrayList<>(labels));
    this.thresholds = Collections.unmodifiableList(new ArrayList<>(thresholds));
  }

  @Override
  public LabelScores decode(List<String> texts, List<Encoding> windows, List<Outputs> outputs) throws EdgebertException {
    float[] logits = LabelDecoder.logits(outputs.get(0), labels);
    double[] probabilities = new double[logits.length];
    for (int index = 0; index < logits.length; index++) {
      probabilities[index] = 1 / (1 + Math.exp(-(double) logits[index]));
    }
    return new LabelScores(labels, probabilities, thresholds);
  }
}
