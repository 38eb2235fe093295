package io.edgebert.core;

import java.util.List;

/** Returns the embedding of a text: numbers that are alike for texts that mean the same. */
public final class VectorDecoder implements Decoder<float[]> {
  private final Integer width;

  /**
   * Makes a decoder.
   *
   * @param width how many numbers an embedding has; {@code null} takes any number
   */
  public VectorDecoder(Integer width) {
    this.width = width;
  }

  @Override
  public float[] decode(List<String> texts, List<Encoding> windows, List<Outputs> outputs) throws EdgebertException {
    float[] vector = outputs.get(0).finite("sentence_embedding").clone();
    if (width != null && vector.length != width) {
      throw new EdgebertException(
          EdgebertException.Kind.LABEL_MISMATCH,
          "the model gives embeddings of " + vector.length + " numbers, but the manifest says " + width);
    }
    return vector;
  }

  /**
   * Returns the cosine of two embeddings: from -1 to 1, 1 for the same direction.
   *
   * @throws IllegalArgumentException they are of two models
   */
  public static double cosine(float[] one, float[] other) {
    if (one.length != other.length) {
      throw new IllegalArgumentException(
          "embeddings of " + one.length + " and of " + other.length + " numbers cannot be compared");
    }
    double product = 0;
    double ones = 0;
    double others = 0;
    for (int index = 0; index < one.length; index++) {
      product += (double) one[index] * other[index];
      ones += (double) one[index] * one[index];
      others += (double) other[index] * other[index];
    }
    return ones == 0 || others == 0 ? 0 : product / Math.sqrt(ones * others);
  }
}
