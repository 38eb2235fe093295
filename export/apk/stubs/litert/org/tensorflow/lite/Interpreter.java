package org.tensorflow.lite;

import java.io.File;
import java.util.Map;

public final class Interpreter implements AutoCloseable {
  public Interpreter(File modelFile, Options options) {
    throw new UnsupportedOperationException();
  }

  public String[] getSignatureKeys() {
    throw new UnsupportedOperationException();
  }

  public Tensor getOutputTensorFromSignature(String outputName, String signatureKey) {
    throw new UnsupportedOperationException();
  }

  public void runSignature(Map<String, Object> inputs, Map<String, Object> outputs, String signatureKey) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void close() {
    throw new UnsupportedOperationException();
  }

  public static class Options {
    public Options() {
      throw new UnsupportedOperationException();
    }

    public Options setNumThreads(int numThreads) {
      throw new UnsupportedOperationException();
    }
  }
}
