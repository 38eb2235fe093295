package io.edgebert.demo;

import android.system.ErrnoException;
import android.system.Os;

/** Keeps the runtime from reporting to anybody. */
final class Telemetry {
  private Telemetry() {}

  /**
   * Turns telemetry off; called before the runtime is first used. The runtime of this app has none. One that a later
   * version brings reads this variable when it is loaded, and never again.
   */
  static void turnOff() {
    try {
      Os.setenv("ORT_DISABLE_TELEMETRY", "1", true);
    } catch (ErrnoException error) {
      throw new IllegalStateException("the environment cannot be set", error);
    }
  }
}
