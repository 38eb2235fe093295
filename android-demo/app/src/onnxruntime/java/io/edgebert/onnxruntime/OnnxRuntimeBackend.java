package io.edgebert.onnxruntime;

import ai.onnxruntime.NodeInfo;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import io.edgebert.core.Artifact;
import io.edgebert.core.Backend;
import io.edgebert.core.EdgebertException;
import io.edgebert.core.ModelInput;
import io.edgebert.core.TensorSpec;
import java.io.BufferedReader;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** An ONNX file open in ONNX Runtime. */
public final class OnnxRuntimeBackend implements Backend {
  private static final int MOST_THREADS = 256;
  private static final String IDS = "input_ids";
  private static final String MASK = "attention_mask";

  private final OrtEnvironment environment;
  private final OrtSession session;
  private final List<TensorSpec> inputs;
  private final Set<String> outputs;
  private boolean closed;

  private OnnxRuntimeBackend(OrtEnvironment environment, OrtSession session, Artifact artifact) {
    this.environment = environment;
    this.session = session;
    inputs = artifact.inputs();
    outputs = new LinkedHashSet<>();
    for (TensorSpec output : artifact.outputs()) {
      outputs.add(output.name());
    }
  }

  /**
   * Opens a file by its path.
   *
   * @param artifact what the manifest says of the file
   * @param model the file, already compared with the manifest
   * @param threads threads that one inference may use, at least 1
   * @throws EdgebertException the runtime cannot be loaded, does not take the file, or finds other inputs or outputs in
   *     it than the manifest states
   */
  public static OnnxRuntimeBackend open(Artifact artifact, File model, int threads) throws EdgebertException {
    if (threads < 1 || threads > MOST_THREADS) {
      throw new EdgebertException(
          EdgebertException.Kind.BAD_REQUEST, threads + " threads: from 1 to " + MOST_THREADS + " can be asked for");
    }
    if (!artifact.format().equals("onnx")) {
      throw new EdgebertException(
          EdgebertException.Kind.BAD_REQUEST, artifact.file() + ": is no ONNX file; this runtime opens no other");
    }
    if (!model.isFile()) {
      throw new EdgebertException(EdgebertException.Kind.MISSING_FILE, model.getName() + ": is not there");
    }
    checkFed(artifact);
    OrtEnvironment environment = OnnxModelRuntime.environment();
    OrtSession session;
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(threads);
      options.setInterOpNumThreads(1);
      options.setSessionLogLevel(OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL);
      if (saturates()) {
        options.addConfigEntry("session.x64quantprecision", "1");
      }
      session = environment.createSession(model.getPath(), options);
    } catch (OrtException error) {
      throw OnnxModelRuntime.failure(error);
    }
    OnnxRuntimeBackend backend = new OnnxRuntimeBackend(environment, session, artifact);
    try {
      check(artifact.file(), "inputs", artifact.inputs(), session.getInputInfo());
      check(artifact.file(), "outputs", artifact.outputs(), session.getOutputInfo());
    } catch (OrtException error) {
      backend.close();
      throw OnnxModelRuntime.failure(error);
    } catch (EdgebertException error) {
      backend.close();
      throw error;
    }
    return backend;
  }

  @Override
  public float[][] run(ModelInput input) throws EdgebertException {
    if (closed) {
      throw new EdgebertException(EdgebertException.Kind.CLOSED, "the model was closed");
    }
    Map<String, OnnxTensor> fed = new HashMap<>();
    try {
      for (TensorSpec spec : inputs) {
        fed.put(spec.name(), tensor(spec, input));
      }
      try (OrtSession.Result result = session.run(fed, outputs)) {
        float[][] values = new float[outputs.size()][];
        int index = 0;
        for (String name : outputs) {
          values[index++] = floats(name, result.get(name).orElse(null));
        }
        return values;
      }
    } catch (OrtException error) {
      throw OnnxModelRuntime.failure(error);
    } finally {
      for (OnnxTensor tensor : fed.values()) {
        tensor.close();
      }
    }
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      session.close();
    } catch (OrtException error) {
      // Nobody could do anything about it; the memory is freed when the process ends.
      return;
    }
  }

  private OnnxTensor tensor(TensorSpec spec, ModelInput input) throws OrtException {
    int[] numbers = spec.name().equals(IDS) ? input.inputIds() : input.attentionMask();
    long[] shape = {1, numbers.length};
    if (spec.dtype().equals("int64")) {
      return OnnxTensor.createTensor(environment, LongBuffer.wrap(ModelInput.toLongs(numbers)), shape);
    }
    return OnnxTensor.createTensor(environment, IntBuffer.wrap(numbers), shape);
  }

  private static float[] floats(String name, OnnxValue value) throws EdgebertException {
    FloatBuffer buffer = value instanceof OnnxTensor ? ((OnnxTensor) value).getFloatBuffer() : null;
    if (buffer == null) {
      throw new EdgebertException(
          EdgebertException.Kind.RUNTIME_FAILURE, "onnxruntime: gives no float32 values for " + name);
    }
    float[] values = new float[buffer.remaining()];
    buffer.get(values);
    return values;
  }

  /** Refuses a model with inputs that a text cannot fill. */
  private static void checkFed(Artifact artifact) throws EdgebertException {
    for (TensorSpec input : artifact.inputs()) {
      boolean known = input.name().equals(IDS) || input.name().equals(MASK);
      if (!known || !(input.dtype().equals("int64") || input.dtype().equals("int32"))) {
        throw new EdgebertException(
            EdgebertException.Kind.RUNTIME_FAILURE,
            artifact.file() + ": takes " + input.name() + " as " + input.dtype() + ", which this app cannot fill in");
      }
    }
  }

  /** Refuses a file that has other inputs or outputs than the manifest states. */
  private static void check(String file, String what, List<TensorSpec> stated, Map<String, NodeInfo> found)
      throws EdgebertException {
    // Sorted, so that the message shows both in the same order.
    Map<String, String> statedTypes = new TreeMap<>();
    for (TensorSpec spec : stated) {
      statedTypes.put(spec.name(), spec.dtype());
    }
    Map<String, String> foundTypes = new TreeMap<>();
    for (Map.Entry<String, NodeInfo> entry : found.entrySet()) {
      foundTypes.put(entry.getKey(), dtype(entry.getValue()));
    }
    if (!statedTypes.equals(foundTypes)) {
      throw new EdgebertException(
          EdgebertException.Kind.DAMAGED_FILE,
          file + ": has the " + what + " " + foundTypes + ", but the manifest states " + statedTypes);
    }
  }

  private static String dtype(NodeInfo node) {
    if (!(node.getInfo() instanceof TensorInfo)) {
      return "no tensor";
    }
    switch (((TensorInfo) node.getInfo()).type) {
      case INT64:
        return "int64";
      case INT32:
        return "int32";
      case FLOAT:
        return "float32";
      default:
        return ((TensorInfo) node.getInfo()).type.name();
    }
  }

  /**
   * Returns whether the runtime's 8-bit kernels saturate on this processor, as those of x86 without VNNI do: it adds
   * pairs of products in 16 bits, where two large ones do not fit. No ARM core does; an emulator's may.
   */
  private static boolean saturates() {
    String machine = System.getProperty("os.arch", "");
    if (!machine.equals("amd64") && !machine.equals("x86_64") && !machine.startsWith("i")) {
      return false;
    }
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(new FileInputStream("/proc/cpuinfo"), StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (line.startsWith("flags")) {
          return !line.contains("vnni") && !line.contains("amx_int8");
        }
      }
    } catch (IOException error) {
      // Not knowing, the exact kernels are the safe choice.
      return true;
    }
    return true;
  }
}
