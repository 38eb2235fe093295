package io.edgebert.core;

import java.io.File;

/** A runtime that opens model files. */
public interface ModelRuntime {
  /** Returns its name as in manifests and benchmarks: {@code onnxruntime} or {@code litert}. */
  String name();

  /** Returns the format of the files that it opens: {@code onnx} or {@code tflite}. */
  String format();

  /**
   * Loads its native library, with its telemetry off; doing so twice does nothing.
   *
   * @throws EdgebertException the library is not there or does not go with this processor
   */
  void load() throws EdgebertException;

  /**
   * Returns its version.
   *
   * @throws EdgebertException it cannot be loaded
   */
  String version() throws EdgebertException;

  /**
   * Opens a model file by its path, so that its bytes never pass through the Java heap.
   *
   * @param artifact what the manifest says of the file
   * @param model the file, already compared with the manifest
   * @param threads threads that one inference may use, at least 1
   * @throws EdgebertException the runtime cannot be loaded, or does not take the file
   */
  Backend open(Artifact artifact, File model, int threads) throws EdgebertException;
}
