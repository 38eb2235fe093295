package io.edgebert.demo;

/** What the user can choose: a model file and a number of threads. */
final class Choice {
  /** Number of threads to start with; more than a phone has fast cores is slower. */
  static final int USUAL_THREADS = 2;

  /** The model that ships, with the usual number of threads. */
  static final Choice USUAL = new Choice(null, USUAL_THREADS);

  private final String file;
  private final int threads;

  /**
   * Makes a choice.
   *
   * @param file path inside the bundle; null for the first that the app offers
   * @param threads threads that one inference may use
   */
  Choice(String file, int threads) {
    this.file = file;
    this.threads = threads;
  }

  String file() {
    return file;
  }

  int threads() {
    return threads;
  }

  /** Returns whether another choice comes to the same. */
  boolean isSame(Choice other) {
    return threads == other.threads && (file == null ? other.file == null : file.equals(other.file));
  }
}
