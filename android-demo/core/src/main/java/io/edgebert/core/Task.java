package io.edgebert.core;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** What a model does. Each task has a {@link Decoder}. */
public enum Task {
  /** A text gets one of several labels. */
  TEXT_CLASSIFICATION("text-classification", "logits"),
  /** A text gets any number of labels. */
  MULTI_LABEL_CLASSIFICATION("multi-label-classification", "logits"),
  /** A text gets a number. */
  TEXT_REGRESSION("text-regression", "logits"),
  /** Words of a text are entities. */
  TOKEN_CLASSIFICATION("token-classification", "logits"),
  /** A part of a context answers a question. */
  QUESTION_ANSWERING("question-answering", "start_logits", "end_logits"),
  /** A text becomes a vector. */
  FEATURE_EXTRACTION("feature-extraction", "sentence_embedding");

  private static final String FORMER_NAME = "sequence-classification"; // of the first one, before schema 4

  private final String manifestName;
  private final List<String> outputs;

  Task(String manifestName, String... outputs) {
    this.manifestName = manifestName;
    this.outputs = Collections.unmodifiableList(Arrays.asList(outputs));
  }

  /** Returns what the task is called in manifests. */
  public String manifestName() {
    return manifestName;
  }

  /** Returns the names of the outputs of a model file. */
  public List<String> outputs() {
    return outputs;
  }

  /** Returns whether the outputs have a row for each token, and so for each filler. */
  public boolean perToken() {
    return this == TOKEN_CLASSIFICATION || this == QUESTION_ANSWERING;
  }

  /** Returns whether the model has labels. */
  public boolean hasLabels() {
    return this == TEXT_CLASSIFICATION || this == MULTI_LABEL_CLASSIFICATION || this == TOKEN_CLASSIFICATION;
  }

  /** Returns how many texts an answer needs: 2 for question and context. */
  public int texts() {
    return this == QUESTION_ANSWERING ? 2 : 1;
  }

  /**
   * Returns the inputs in which the model reads texts.
   *
   * @param tokenizer makes them
   * @param texts the text, or question and context
   * @param settings settings of the task
   * @throws EdgebertException there are more or fewer texts, or one has a lone surrogate
   */
  public List<Encoding> windows(WordPieceTokenizer tokenizer, List<String> texts, TaskSettings settings)
      throws EdgebertException {
    if (texts.size() != texts()) {
      throw new EdgebertException(
          EdgebertException.Kind.BAD_REQUEST,
          "the model does " + manifestName + ", which takes " + texts() + " texts, not " + texts.size());
    }
    return this == QUESTION_ANSWERING
        ? tokenizer.windows(texts.get(0), texts.get(1), settings.stride(tokenizer.spec().maxLength()))
        : Collections.singletonList(tokenizer.encode(texts.get(0)));
  }

  /**
   * Returns the task with a name: its own, or that of manifests before schema 4.
   *
   * @throws EdgebertException this library knows no such task
   */
  public static Task named(String manifestName) throws EdgebertException {
    StringBuilder known = new StringBuilder();
    for (Task task : values()) {
      if (task.manifestName.equals(manifestName)) {
        return task;
      }
      known.append(known.length() == 0 ? "" : ", ").append(task.manifestName);
    }
    if (manifestName.equals(FORMER_NAME)) {
      return TEXT_CLASSIFICATION;
    }
    throw new EdgebertException(
        EdgebertException.Kind.UNKNOWN_TASK,
        "the model does \"" + manifestName + "\", which this app does not know; it knows " + known);
  }
}
