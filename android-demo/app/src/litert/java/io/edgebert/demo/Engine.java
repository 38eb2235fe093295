package io.edgebert.demo;

import io.edgebert.core.ModelRuntime;
import io.edgebert.litert.LiteRtModelRuntime;

/** The runtime of this flavour of the app: LiteRT. */
final class Engine {
  private Engine() {}

  /** Returns the runtime; nothing of it is loaded yet. */
  static ModelRuntime runtime() {
    return new LiteRtModelRuntime();
  }
}
