package io.edgebert.demo;

import java.io.File;
import java.util.List;
import java.util.Map;

/** A finished trial, as far as the screen shows it. */
final class Trial {
  private final Map<String, Object> values;
  private final File file;

  /**
   * Takes a trial.
   *
   * @param values the trial as the runner of the core returns it
   * @param file where it was written
   */
  Trial(Map<String, Object> values, File file) {
    this.values = values;
    this.file = file;
  }

  /** Returns where it was written. */
  File file() {
    return file;
  }

  /** Returns how many threads an inference could use. */
  int threads() {
    return number(values.get("threads")).intValue();
  }

  /** Returns how long opening the file took, in nanoseconds. */
  long loadNs() {
    return number(values.get("load_ns")).longValue();
  }

  /** Returns how long the first run took, in nanoseconds. */
  long firstNs() {
    return number(values.get("first_ns")).longValue();
  }

  /** Returns the nanoseconds of each counted run. */
  long[] runNs() {
    Map<?, ?> series = (Map<?, ?>) ((List<?>) values.get("series")).get(0);
    List<?> times = (List<?>) series.get("run_ns");
    long[] runNs = new long[times.size()];
    for (int index = 0; index < runNs.length; index++) {
      runNs[index] = number(times.get(index)).longValue();
    }
    return runNs;
  }

  private static Number number(Object value) {
    return (Number) value;
  }
}
