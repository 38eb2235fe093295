package io.edgebert.core;

import java.util.List;

/** Returns the number that a model gives for a text. */
public final class NumberDecoder implements Decoder<Double> {
  @Override
  public Double decode(List<String> texts, List<Encoding> windows, List<Outputs> outputs) throws EdgebertException {
    float[] numbers = outputs.get(0).finite("logits");
    if (numbers.length != 1) {
      throw new EdgebertException(
          EdgebertException.Kind.LABEL_MISMATCH, "the model gives " + numbers.length + " numbers instead of 1");
    }
    return (double) numbers[0];
  }
}
