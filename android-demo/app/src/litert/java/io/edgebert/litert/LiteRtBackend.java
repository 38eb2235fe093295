package io.edgebert.litert;

import io.edgebert.core.Artifact;
import io.edgebert.core.Backend;
import io.edgebert.core.EdgebertException;
import io.edgebert.core.ModelInput;
import io.edgebert.core.TensorSpec;
import java.io.File;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.tensorflow.lite.DataType;
import org.tensorflow.lite.Interpreter;
import org.tensorflow.lite.Tensor;

/** A TFLite file open in LiteRT. It has one signature for each input length, {@code len16} and so on. */
public final class LiteRtBackend implements Backend {
  private static final int MOST_THREADS = 256;
  private static final String IDS = "input_ids";

  private final Interpreter interpreter;
  private final List<TensorSpec> inputs;
  private final List<TensorSpec> outputs;
  private boolean closed;

  private LiteRtBackend(Interpreter interpreter, Artifact artifact) {
    this.interpreter = interpreter;
    inputs = artifact.inputs();
    outputs = artifact.outputs();
  }

  /**
   * Opens a file by its path.
   *
   * @param artifact what the manifest says of the file
   * @param model the file, already compared with the manifest
   * @param threads threads that one inference may use, at least 1
   * @throws EdgebertException the runtime does not take the file, or the file lacks a signature that the manifest states
   */
  public static LiteRtBackend open(Artifact artifact, File model, int threads) throws EdgebertException {
    if (threads < 1 || threads > MOST_THREADS) {
      throw new EdgebertException(
          EdgebertException.Kind.BAD_REQUEST, threads + " threads: from 1 to " + MOST_THREADS + " can be asked for");
    }
    if (!model.isFile()) {
      throw new EdgebertException(EdgebertException.Kind.MISSING_FILE, model.getName() + ": is not there");
    }
    Interpreter.Options options = new Interpreter.Options();
    options.setNumThreads(threads);
    Interpreter interpreter;
    try {
      interpreter = new Interpreter(model, options);
    } catch (IllegalArgumentException | IllegalStateException error) {
      throw failure(error);
    }
    LiteRtBackend backend = new LiteRtBackend(interpreter, artifact);
    List<String> found = Arrays.asList(interpreter.getSignatureKeys());
    for (int length : artifact.lengths()) {
      if (!found.contains(signature(length))) {
        backend.close();
        throw new EdgebertException(
            EdgebertException.Kind.DAMAGED_FILE,
            artifact.file() + ": has the signatures " + found + ", but the manifest states " + signature(length));
      }
    }
    return backend;
  }

  @Override
  public float[][] run(ModelInput input) throws EdgebertException {
    if (closed) {
      throw new EdgebertException(EdgebertException.Kind.CLOSED, "the model was closed");
    }
    String signature = signature(input.length());
    Map<String, Object> fed = new HashMap<>();
    for (TensorSpec spec : inputs) {
      fed.put(spec.name(), new int[][] {spec.name().equals(IDS) ? input.inputIds() : input.attentionMask()});
    }
    try {
      // In the order of the manifest, which is that of the answer.
      Map<String, Object> room = new LinkedHashMap<>();
      float[][] values = new float[outputs.size()][];
      for (int index = 0; index < values.length; index++) {
        String name = outputs.get(index).name();
        values[index] = values(name, interpreter.getOutputTensorFromSignature(name, signature));
        room.put(name, FloatBuffer.wrap(values[index]));
      }
      interpreter.runSignature(fed, room, signature);
      return values;
    } catch (IllegalArgumentException | IllegalStateException error) {
      throw failure(error);
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      interpreter.close();
    }
  }

  /** Returns room for the values of an output of one input. */
  private static float[] values(String name, Tensor tensor) throws EdgebertException {
    int[] shape = tensor.shape();
    if (shape.length < 2 || shape[0] != 1 || tensor.dataType() != DataType.FLOAT32) {
      throw new EdgebertException(
          EdgebertException.Kind.RUNTIME_FAILURE,
          "litert: gives " + name + " as " + tensor.dataType() + " " + Arrays.toString(shape) + ", not float32 of one input");
    }
    int size = 1;
    for (int one : shape) {
      size *= one;
    }
    return new float[size];
  }

  private static String signature(int length) {
    return "len" + length;
  }

  private static EdgebertException failure(RuntimeException error) {
    String message = String.valueOf(error.getMessage()).trim();
    int end = message.indexOf('\n');
    return new EdgebertException(
        EdgebertException.Kind.RUNTIME_FAILURE, "litert: " + (end < 0 ? message : message.substring(0, end)), error);
  }
}
