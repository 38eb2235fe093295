package io.edgebert.core;

import java.util.Arrays;

/** What a model is fed with for one text: ids and attention mask of the same length. */
public final class ModelInput {
  private final int[] inputIds;
  private final int[] attentionMask;
  private final int tokens;

  private ModelInput(int[] inputIds, int[] attentionMask, int tokens) {
    this.inputIds = inputIds;
    this.attentionMask = attentionMask;
    this.tokens = tokens;
  }

  /**
   * Returns the input for one text.
   *
   * @param ids ids of the text
   * @param length length to fill up to, at least the number of ids
   * @param padId id to fill up with
   */
  public static ModelInput of(int[] ids, int length, int padId) {
    if (length < ids.length) {
      throw new IllegalArgumentException(ids.length + " ids do not fit into " + length);
    }
    int[] inputIds = Arrays.copyOf(ids, length);
    Arrays.fill(inputIds, ids.length, length, padId);
    int[] attentionMask = new int[length];
    Arrays.fill(attentionMask, 0, ids.length, 1);
    return new ModelInput(inputIds, attentionMask, ids.length);
  }

  /** Returns the length of both. */
  public int length() {
    return inputIds.length;
  }

  /** Returns how many of the ids are those of the text. */
  public int tokens() {
    return tokens;
  }

  /** Returns the ids: a TFLite file's input. */
  public int[] inputIds() {
    return inputIds.clone();
  }

  /** Returns 1 for each id of the text and 0 for each filler. */
  public int[] attentionMask() {
    return attentionMask.clone();
  }

  /** Returns numbers as an ONNX file takes them. */
  public static long[] toLongs(int[] numbers) {
    long[] longs = new long[numbers.length];
    for (int index = 0; index < longs.length; index++) {
      longs[index] = numbers[index];
    }
    return longs;
  }
}
