package io.edgebert.litert;

import io.edgebert.core.Artifact;
import io.edgebert.core.Backend;
import io.edgebert.core.EdgebertException;
import io.edgebert.core.ModelRuntime;
import java.io.File;
import org.tensorflow.lite.TensorFlowLite;

/** LiteRT through its interpreter API, which keeps the package name of TensorFlow Lite. */
public final class LiteRtModelRuntime implements ModelRuntime {
  @Override
  public String name() {
    return "litert";
  }

  @Override
  public String format() {
    return "tflite";
  }

  @Override
  public void load() throws EdgebertException {
    try {
      TensorFlowLite.init();
    } catch (LinkageError error) {
      throw new EdgebertException(
          EdgebertException.Kind.RUNTIME_ABSENT, "litert: does not load here: " + error.getMessage(), error);
    }
  }

  @Override
  public String version() throws EdgebertException {
    load();
    return TensorFlowLite.runtimeVersion();
  }

  @Override
  public Backend open(Artifact artifact, File model, int threads) throws EdgebertException {
    load();
    return LiteRtBackend.open(artifact, model, threads);
  }
}
