package io.edgebert.core;

/** An input or output of a model file. */
public final class TensorSpec {
  private final String name;
  private final String dtype;

  private TensorSpec(String name, String dtype) {
    this.name = name;
    this.dtype = dtype;
  }

  static TensorSpec read(JsonObject json) throws EdgebertException {
    return new TensorSpec(json.string("name"), json.string("dtype"));
  }

  /** Returns the name by which the runtime knows it. */
  public String name() {
    return name;
  }

  /** Returns the type of its values: {@code int64}, {@code int32} or {@code float32}. */
  public String dtype() {
    return dtype;
  }
}
