package io.edgebert.onnxruntime;

import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import io.edgebert.core.Artifact;
import io.edgebert.core.Backend;
import io.edgebert.core.EdgebertException;
import io.edgebert.core.ModelRuntime;
import java.io.File;
import java.util.Locale;

/**
 * ONNX Runtime through its Java API.
 *
 * <p>Official builds since 1.29 report usage unless the environment variable {@code ORT_DISABLE_TELEMETRY} is 1 before
 * the library loads. An app sets it with {@code android.system.Os.setenv} when it starts; this class refuses to load the
 * library without it, whatever its version.
 */
public final class OnnxModelRuntime implements ModelRuntime {
  static final String NAME = "onnxruntime";

  private static final String SWITCH = "ORT_DISABLE_TELEMETRY";
  private static final String[] NO_MEMORY = {
    "bad_alloc", "bad allocation", "failed to allocate", "cannot allocate", "out of memory", "failed to map"
  };

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public String format() {
    return "onnx";
  }

  @Override
  public void load() throws EdgebertException {
    environment();
  }

  @Override
  public String version() throws EdgebertException {
    return environment().getVersion();
  }

  @Override
  public Backend open(Artifact artifact, File model, int threads) throws EdgebertException {
    return OnnxRuntimeBackend.open(artifact, model, threads);
  }

  static OrtEnvironment environment() throws EdgebertException {
    if (!"1".equals(System.getenv(SWITCH))) {
      throw new EdgebertException(
          EdgebertException.Kind.RUNTIME_ABSENT,
          "onnxruntime: its telemetry is not switched off; set " + SWITCH + "=1 before its first use");
    }
    try {
      return Environment.instance();
    } catch (LinkageError error) {
      // The library of another processor, or none.
      throw new EdgebertException(
          EdgebertException.Kind.RUNTIME_ABSENT, "onnxruntime: does not load here: " + firstLine(root(error)), error);
    } catch (OrtException error) {
      throw failure(error);
    }
  }

  /** Returns the exception of ours that says what one of the runtime's does. */
  static EdgebertException failure(Throwable error) {
    String message = firstLine(error);
    String lower = message.toLowerCase(Locale.ROOT);
    EdgebertException.Kind kind = EdgebertException.Kind.RUNTIME_FAILURE;
    for (String words : NO_MEMORY) {
      kind = lower.contains(words) ? EdgebertException.Kind.OUT_OF_MEMORY : kind;
    }
    return new EdgebertException(kind, "onnxruntime: " + message, error);
  }

  private static Throwable root(Throwable error) {
    Throwable cause = error;
    while (cause.getCause() != null) {
      cause = cause.getCause();
    }
    return cause;
  }

  private static String firstLine(Throwable error) {
    String message = String.valueOf(error.getMessage()).trim();
    int end = message.indexOf('\n');
    String line = end < 0 ? message : message.substring(0, end);
    return line.isEmpty() || error.getMessage() == null ? error.getClass().getSimpleName() : line;
  }

  /** Loads the library when it is first asked for, once for all threads. */
  private static final class Environment {
    private static OrtEnvironment environment;

    private Environment() {}

    static synchronized OrtEnvironment instance() throws OrtException {
      if (environment == null) {
        // Its errors arrive as exceptions; the log would only repeat them.
        OrtEnvironment made = OrtEnvironment.getEnvironment(OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL, "edgebert");
        made.setTelemetry(false);
        environment = made;
      }
      return environment;
    }
  }
}
