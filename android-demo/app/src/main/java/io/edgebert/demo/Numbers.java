package io.edgebert.demo;

import java.util.Locale;

/** Numbers as the screen shows them. */
final class Numbers {
  private static final double NS_PER_MS = 1e6;

  private Numbers() {}

  /** Returns a time in milliseconds with one decimal, in the user's way of writing numbers. */
  static String milliseconds(double nanoseconds) {
    return String.format(Locale.getDefault(), "%.1f", nanoseconds / NS_PER_MS);
  }
}
