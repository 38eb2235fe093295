package io.edgebert.core;

import java.util.List;

/** An input or output of a model file. */
public final class TensorSpec {
  private final String name;
  private final String dtype;
  private final List<Integer> shape;

  private TensorSpec(JsonObject json) throws EdgebertException {
    name = json.string("name");
    dtype = json.string("dtype");
    shape = json.sizes("shape");
  }

  TensorSpec(String name, List<Integer> shape) {
    this.name = name;
    dtype = "float32";
    this.shape = shape;
  }

  static TensorSpec read(JsonObject json) throws EdgebertException {
    return new TensorSpec(json);
  }

  /** Returns the name by which the runtime knows it. */
  public String name() {
    return name;
  }

  /** Returns the type of its values: {@code int64}, {@code int32} or {@code float32}. */
  public String dtype() {
    return dtype;
  }

  /** Returns the number of dimensions, that of the batch included. */
  int rank() {
    return shape.size();
  }

  /**
   * Returns the sizes that it has for one input, without the batch dimension.
   *
   * @param length length of the input, which is what a size without a number stands for
   */
  public int[] shape(int length) {
    int[] sizes = new int[Math.max(0, shape.size() - 1)];
    for (int index = 0; index < sizes.length; index++) {
      Integer size = shape.get(index + 1);
      sizes[index] = size == null ? length : size;
    }
    return sizes;
  }
}
