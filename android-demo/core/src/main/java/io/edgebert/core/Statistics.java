package io.edgebert.core;

import java.util.Arrays;

/** Medians and quantiles of times. */
public final class Statistics {
  private Statistics() {}

  /**
   * Returns the median.
   *
   * @param times times in nanoseconds, at least one, in any order
   */
  public static double median(long[] times) {
    return quantile(times, 0.5);
  }

  /**
   * Returns a quantile, interpolated between the two times that it falls between.
   *
   * @param times times in nanoseconds, at least one, in any order
   * @param share share of the times that lie below it, from 0 to 1
   */
  public static double quantile(long[] times, double share) {
    if (times.length == 0 || !(share >= 0 && share <= 1)) {
      throw new IllegalArgumentException(times.length + " times have no quantile " + share);
    }
    long[] sorted = times.clone();
    Arrays.sort(sorted);
    double place = share * (sorted.length - 1);
    int below = (int) place;
    int above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
  }
}
