package io.edgebert.core;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Makes a label of logits. */
public final class LabelDecoder implements Decoder<Classification> {
  private final List<String> labels;

  /**
   * Makes a decoder.
   *
   * @param labels label names in the order of the logits
   */
  public LabelDecoder(List<String> labels) {
    this.labels = Collections.unmodifiableList(new ArrayList<>(labels));
  }

  @Override
  public Classification decode(List<String> texts, List<Encoding> windows, List<Outputs> outputs)
      throws EdgebertException {
    float[] logits = logits(outputs.get(0), labels);
    int best = 0;
    for (int index = 0; index < logits.length; index++) {
      if (logits[index] > logits[best]) {
        best = index;
      }
    }
    return new Classification(labels, softmax(logits), best);
  }

  /**
   * Returns the logit of each label.
   *
   * @throws EdgebertException there are more or fewer, or one is no number
   */
  static float[] logits(Outputs outputs, List<String> labels) throws EdgebertException {
    float[] logits = outputs.values("logits");
    if (logits.length != labels.size()) {
      throw new EdgebertException(
          EdgebertException.Kind.LABEL_MISMATCH,
          "the model gives " + logits.length + " logits, but the manifest has " + labels.size() + " labels");
    }
    for (int index = 0; index < logits.length; index++) {
      if (Float.isNaN(logits[index]) || Float.isInfinite(logits[index])) {
        throw new EdgebertException(
            EdgebertException.Kind.RUNTIME_FAILURE,
            "the model gives " + logits[index] + " for the label " + labels.get(index) + ", which is no number");
      }
    }
    return logits;
  }

  /**
   * Returns the probabilities that logits stand for.
   *
   * @param logits finite numbers, however large
   */
  public static double[] softmax(float[] logits) {
    double greatest = Double.NEGATIVE_INFINITY;
    for (float logit : logits) {
      greatest = Math.max(greatest, logit);
    }
    double[] probabilities = new double[logits.length];
    double sum = 0;
    for (int index = 0; index < logits.length; index++) {
      // Subtracting the greatest changes nothing but keeps exp from overflowing.
      probabilities[index] = Math.exp(logits[index] - greatest);
      sum += probabilities[index];
    }
    for (int index = 0; index < logits.length; index++) {
      probabilities[index] /= sum;
    }
    return probabilities;
  }
}
