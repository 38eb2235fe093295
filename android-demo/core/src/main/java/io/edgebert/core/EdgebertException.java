package io.edgebert.core;

/**
 * Anything that is wrong with a bundle, a text or a run: the one exception of this library.
 *
 * <p>The message says what is wrong, where, and with which value, in words a person understands; an app may show it. An
 * app that wants words of its own, or another language, chooses them by {@link #kind()}.
 */
public final class EdgebertException extends Exception {
  private static final long serialVersionUID = 1L;

  /** What sort of problem it is. */
  public enum Kind {
    /** A file of the bundle is not there. */
    MISSING_FILE,
    /** A file is not what the manifest says, or does not hold what it should. */
    DAMAGED_FILE,
    /** The bundle was made by a newer edgebert than this library can read. */
    NEWER_SCHEMA,
    /** The model does something this library does not know. */
    UNKNOWN_TASK,
    /** Labels of app, manifest and model do not go together. */
    LABEL_MISMATCH,
    /** There is nothing in the text. */
    EMPTY_TEXT,
    /** The text is no valid Unicode. */
    INVALID_TEXT,
    /** What was asked for does not exist. */
    BAD_REQUEST,
    /** There is no room on the phone for a copy of the model. */
    NO_SPACE,
    /** The runtime is not there, or does not go with this processor. */
    RUNTIME_ABSENT,
    /** The runtime refused the model or failed in the middle of a run. */
    RUNTIME_FAILURE,
    /** There was not enough memory. */
    OUT_OF_MEMORY,
    /** The model gives other answers than it did when it was made. */
    SELF_TEST_FAILED,
    /** The model was closed. */
    CLOSED
  }

  private final Kind kind;

  /**
   * Makes an exception.
   *
   * @param kind what sort of problem it is
   * @param message what is wrong, where, and with which value
   */
  public EdgebertException(Kind kind, String message) {
    this(kind, message, null);
  }

  /**
   * Makes an exception that another one led to.
   *
   * @param kind what sort of problem it is
   * @param message what is wrong, where, and with which value
   * @param cause what led to it
   */
  public EdgebertException(Kind kind, String message, Throwable cause) {
    super(message, cause);
    this.kind = kind;
  }

  /** Returns what sort of problem it is. */
  public Kind kind() {
    return kind;
  }
}
