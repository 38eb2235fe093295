package io.edgebert.demo;

import java.text.NumberFormat;
import java.util.Locale;

/** Numbers as the screen shows them, in the user's way of writing them. */
final class Numbers {
  private static final double NS_PER_MS = 1e6;
  private static final double LARGE = 1000;

  private Numbers() {}

  /** Returns a time in milliseconds with one decimal. */
  static String milliseconds(double nanoseconds) {
    return String.format(Locale.getDefault(), "%.1f", nanoseconds / NS_PER_MS);
  }

  /** Returns a share of 1 in percent. */
  static String share(double share) {
    NumberFormat format = NumberFormat.getPercentInstance();
    format.setMaximumFractionDigits(1);
    return format.format(share);
  }

  /** Returns a number with three decimals, or six digits where it is large. */
  static String value(double value) {
    return String.format(Locale.getDefault(), Math.abs(value) < LARGE ? "%.3f" : "%.6g", value);
  }
}
