package io.edgebert.core;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** A model file of a bundle. */
public final class Artifact {
  private final FileEntry entry;
  private final boolean baseline;
  private final String format;
  private final String precision;
  private final List<TensorSpec> inputs;
  private final List<TensorSpec> outputs;
  private final int[] lengths;
  private final double tolerance;

  private Artifact(JsonObject json) throws EdgebertException {
    entry = FileEntry.read(json);
    String role = json.string("role");
    baseline = role.equals("baseline");
    if (!baseline && !role.equals("shipped")) {
      throw json.damaged("role", "is \"" + role + "\", neither shipped nor baseline");
    }
    format = json.string("format");
    precision = json.string("precision");
    inputs = tensors(json.objects("inputs"));
    outputs = tensors(json.objects("outputs"));
    lengths = json.integers("lengths");
    json.checkLengths("lengths", lengths);
    tolerance = json.number("tolerance");
    if (!(tolerance > 0)) {
      throw json.damaged("tolerance", "is " + tolerance + ", but should be above 0");
    }
  }

  static Artifact read(JsonObject json) throws EdgebertException {
    return new Artifact(json);
  }

  private static List<TensorSpec> tensors(List<JsonObject> objects) throws EdgebertException {
    List<TensorSpec> tensors = new ArrayList<>();
    for (JsonObject tensor : objects) {
      tensors.add(TensorSpec.read(tensor));
    }
    return Collections.unmodifiableList(tensors);
  }

  /** Returns the path inside the bundle. */
  public String file() {
    return entry.file();
  }

  /** Returns path, size and hash. */
  public FileEntry entry() {
    return entry;
  }

  /** Returns whether it is there to be compared with, not for the app. */
  public boolean baseline() {
    return baseline;
  }

  /** Returns the file format: {@code onnx} or {@code tflite}. */
  public String format() {
    return format;
  }

  /** Returns the precision of the weights, as {@code int8}. */
  public String precision() {
    return precision;
  }

  /** Returns the inputs. */
  public List<TensorSpec> inputs() {
    return inputs;
  }

  /** Returns the outputs. */
  public List<TensorSpec> outputs() {
    return outputs;
  }

  /** Returns the lengths that the file has signatures for, ascending; empty when every length goes. */
  public int[] lengths() {
    return lengths.clone();
  }

  /** Returns the largest difference to the golden logits that counts as the same model. */
  public double tolerance() {
    return tolerance;
  }
}
