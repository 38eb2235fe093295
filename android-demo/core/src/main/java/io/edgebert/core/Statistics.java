package io.edgebert.core;

import java.util.Arrays;

/**
 * Medians and quantiles of times, as edgebert computes them from the runs of one process.
 *
 * <p>They are taken on logarithms, because times differ by factors: what lies between two runs is their geometric
 * mean. A process says nothing about how far processes differ; intervals are for a computer that has several.
 */
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
   * Returns a quantile.
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
    double low = log(sorted[below]);
    return Math.exp(low + (place - below) * (log(sorted[above]) - low));
  }

  private static double log(long time) {
    // A clock too coarse for the model may have counted nothing.
    return Math.log(Math.max(time, 1));
  }
}
