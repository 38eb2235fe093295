package io.edgebert.core;

/** What a model does. Tasks that edgebert learns later are new constants here, with a {@link Decoder} each. */
public enum Task {
  /** A text gets one of several labels. */
  SEQUENCE_CLASSIFICATION("sequence-classification", "text-classification");

  private final String manifestName;
  private final String hubName;

  Task(String manifestName, String hubName) {
    this.manifestName = manifestName;
    this.hubName = hubName;
  }

  /** Returns what the task is called in manifests. */
  public String manifestName() {
    return manifestName;
  }

  /**
   * Returns the task with a name: that of manifests before schema 4, or the Hub's.
   *
   * @throws EdgebertException this library knows no such task
   */
  public static Task named(String manifestName) throws EdgebertException {
    StringBuilder known = new StringBuilder();
    for (Task task : values()) {
      if (task.manifestName.equals(manifestName) || task.hubName.equals(manifestName)) {
        return task;
      }
      known.append(known.length() == 0 ? "" : ", ").append(task.manifestName);
    }
    throw new EdgebertException(
        EdgebertException.Kind.UNKNOWN_TASK,
        "the model does \"" + manifestName + "\", which this app does not know; it knows " + known);
  }
}
