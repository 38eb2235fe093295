package io.edgebert.core;

/** What a model does. Tasks that edgebert learns later are new constants here, with a {@link Decoder} each. */
public enum Task {
  /** A text gets one of several labels. */
  TEXT_CLASSIFICATION("text-classification", "sequence-classification");

  private final String manifestName;
  private final String formerName;

  Task(String manifestName, String formerName) {
    this.manifestName = manifestName;
    this.formerName = formerName;
  }

  /** Returns what the task is called in manifests. */
  public String manifestName() {
    return manifestName;
  }

  /**
   * Returns the task with a name: its own, or that of manifests before schema 4.
   *
   * @throws EdgebertException this library knows no such task
   */
  public static Task named(String manifestName) throws EdgebertException {
    StringBuilder known = new StringBuilder();
    for (Task task : values()) {
      if (task.manifestName.equals(manifestName) || task.formerName.equals(manifestName)) {
        return task;
      }
      known.append(known.length() == 0 ? "" : ", ").append(task.manifestName);
    }
    throw new EdgebertException(
        EdgebertException.Kind.UNKNOWN_TASK,
        "the model does \"" + manifestName + "\", which this app does not know; it knows " + known);
  }
}
