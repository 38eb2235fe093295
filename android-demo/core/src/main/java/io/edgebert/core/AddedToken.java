package io.edgebert.core;

/** A token that is taken out of a text before it is split into words, wherever it stands. */
public final class AddedToken {
  private final String content;
  private final int id;
  private final boolean normalized;

  /**
   * Makes a token.
   *
   * @param content its text
   * @param id its id
   * @param normalized whether it is searched for in the normalized text; otherwise in the text as typed
   */
  public AddedToken(String content, int id, boolean normalized) {
    this.content = content;
    this.id = id;
    this.normalized = normalized;
  }

  static AddedToken read(JsonObject json) throws EdgebertException {
    String content = json.string("content");
    if (content.isEmpty()) {
      throw json.damaged("content", "is empty");
    }
    return new AddedToken(content, json.count("id"), json.bool("normalized"));
  }

  /** Returns its text. */
  public String content() {
    return content;
  }

  /** Returns its id. */
  public int id() {
    return id;
  }

  /** Returns whether it is searched for in the normalized text; otherwise in the text as typed. */
  public boolean normalized() {
    return normalized;
  }
}
