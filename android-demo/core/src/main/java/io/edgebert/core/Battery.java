package io.edgebert.core;

/** The battery, as the system tells an app of it. */
public interface Battery {
  /** Returns the charge in percent, or null if it is not known. */
  Integer percent();

  /** Returns what it does, as in {@code Charging}, or null if it is not known. */
  String status();
}
