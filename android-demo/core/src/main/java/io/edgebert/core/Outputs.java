package io.edgebert.core;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What a model puts out for one input: arrays by name, without a batch dimension and without rows of fillers. */
public final class Outputs {
  private final Map<String, float[]> values = new LinkedHashMap<>();
  private final Map<String, int[]> shapes = new LinkedHashMap<>();

  private Outputs() {}

  /**
   * Names what a runtime gave.
   *
   * @param specs the outputs of the model file, in the order of the manifest
   * @param perToken whether each has a row for each token
   * @param input what the model was fed with
   * @param found the values of each output, its last dimension fastest
   * @throws EdgebertException there are other outputs than these, or no whole rows
   */
  static Outputs of(List<TensorSpec> specs, boolean perToken, ModelInput input, float[][] found) throws EdgebertException {
    if (found.length != specs.size()) {
      throw failure("the model has " + found.length + " outputs instead of " + specs.size());
    }
    Outputs outputs = new Outputs();
    for (int index = 0; index < found.length; index++) {
      String name = specs.get(index).name();
      int width = perToken ? found[index].length / input.length() : found[index].length;
      if (perToken && (found[index].length == 0 || found[index].length % input.length() != 0)) {
        throw failure("the model gives " + found[index].length + " numbers for " + name + " of " + input.length() + " tokens");
      }
      boolean flat = specs.get(index).rank() < (perToken ? 3 : 2);
      int[] shape = !perToken ? new int[] {width} : flat ? new int[] {input.tokens()} : new int[] {input.tokens(), width};
      outputs.shapes.put(name, shape);
      outputs.values.put(name, perToken ? Arrays.copyOf(found[index], input.tokens() * width) : found[index]);
    }
    return outputs;
  }

  /** Returns the names, in the order of the manifest. */
  public List<String> names() {
    return new ArrayList<>(values.keySet());
  }

  /**
   * Returns the values of an output, the last dimension fastest.
   *
   * @throws EdgebertException there is none of that name
   */
  public float[] values(String name) throws EdgebertException {
    return known(name, values).clone();
  }

  /**
   * Returns the shape of an output.
   *
   * @throws EdgebertException there is none of that name
   */
  public int[] shape(String name) throws EdgebertException {
    return known(name, shapes).clone();
  }

  /**
   * Returns the values of an output that are finite numbers.
   *
   * @throws EdgebertException there is none of that name, or it has NaN or infinity
   */
  float[] finite(String name) throws EdgebertException {
    float[] numbers = known(name, values);
    for (float number : numbers) {
      if (Float.isNaN(number) || Float.isInfinite(number)) {
        throw failure("the model gives " + number + " in " + name + ", which is no number");
      }
    }
    return numbers;
  }

  private <T> T known(String name, Map<String, T> map) throws EdgebertException {
    T found = map.get(name);
    if (found == null) {
      throw failure("the model has no output " + name + "; it has " + joined(", ", map.keySet()));
    }
    return found;
  }

  static String joined(String between, Iterable<String> words) {
    StringBuilder joined = new StringBuilder();
    for (String word : words) {
      joined.append(joined.length() == 0 ? "" : between).append(word);
    }
    return joined.toString();
  }

  private static EdgebertException failure(String message) {
    return new EdgebertException(EdgebertException.Kind.RUNTIME_FAILURE, message);
  }
}
