package org.tensorflow.lite;

public final class TensorFlowLite {
  private TensorFlowLite() {
    throw new UnsupportedOperationException();
  }

  public static void init() {
    throw new UnsupportedOperationException();
  }

  public static String runtimeVersion() {
    throw new UnsupportedOperationException();
  }
}
