package io.edgebert.core;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** What a checkpoint fixes of its task beside the labels: the {@code settings} of a manifest. */
public final class TaskSettings {
  /** How the tokens of a word agree on one tag. */
  public enum Aggregation {
    /** They need not: neighbours with the same type are an entity. */
    SIMPLE("simple"),
    /** The tag of the first token is that of the word. */
    FIRST("first"),
    /** The tag with the highest mean probability is. */
    AVERAGE("average"),
    /** The tag of the token that is surest is. */
    MAX("max");

    private final String manifestName;

    Aggregation(String manifestName) {
      this.manifestName = manifestName;
    }

    String manifestName() {
      return manifestName;
    }
  }

  private static final int USUAL_STRIDE = 128;

  private final List<Double> thresholds;
  private final Aggregation aggregation;
  private final Integer stride;
  private final boolean noAnswer;
  private final Integer width;

  /**
   * Makes settings; a task uses those that it has.
   *
   * @param thresholds for several labels: probability above which each is an answer
   * @param aggregation for entities: how the tokens of a word agree
   * @param stride for answers in a context: tokens that two windows share; {@code null} is the usual number
   * @param noAnswer for answers in a context: whether there may be none
   * @param width for embeddings: how many numbers one has; {@code null} takes any number
   */
  public TaskSettings(List<Double> thresholds, Aggregation aggregation, Integer stride, boolean noAnswer, Integer width) {
    this.thresholds = Collections.unmodifiableList(new ArrayList<>(thresholds));
    this.aggregation = aggregation;
    this.stride = stride;
    this.noAnswer = noAnswer;
    this.width = width;
  }

  /** Returns the settings of manifests before schema 5, whose task has none. */
  static TaskSettings none() {
    return new TaskSettings(Collections.<Double>emptyList(), Aggregation.FIRST, null, false, null);
  }

  static TaskSettings read(JsonObject json, Task task, int labels) throws EdgebertException {
    List<Double> thresholds = json.numbers("thresholds");
    int wanted = task == Task.MULTI_LABEL_CLASSIFICATION ? labels : 0;
    if (thresholds.size() != wanted) {
      throw json.damaged("thresholds", "has " + thresholds.size() + " numbers instead of " + wanted);
    }
    for (double threshold : thresholds) {
      if (!(threshold >= 0 && threshold <= 1)) {
        throw json.damaged("thresholds", "has " + threshold + ", but should be from 0 to 1");
      }
    }
    Integer stride = json.has("stride") ? json.count("stride") : null;
    Integer width = json.has("width") ? json.count("width") : null;
    return new TaskSettings(thresholds, aggregation(json), stride, json.bool("no_answer"), width);
  }

  private static Aggregation aggregation(JsonObject json) throws EdgebertException {
    if (!json.has("aggregation")) {
      return Aggregation.FIRST;
    }
    String name = json.string("aggregation");
    for (Aggregation aggregation : Aggregation.values()) {
      if (aggregation.manifestName().equals(name)) {
        return aggregation;
      }
    }
    throw json.damaged("aggregation", "is \"" + name + "\", which is none of " + Arrays.toString(Aggregation.values()));
  }

  /** Returns the probability above which each label is an answer, in the order of the labels. */
  public List<Double> thresholds() {
    return thresholds;
  }

  /** Returns how the tokens of a word agree on one tag. */
  public Aggregation aggregation() {
    return aggregation;
  }

  /**
   * Returns how many tokens of the context two windows share.
   *
   * @param maxLength longest input of the model, in tokens
   */
  public int stride(int maxLength) {
    return stride == null ? Math.min(USUAL_STRIDE, maxLength / 3) : stride;
  }

  /** Returns whether "no answer" is an answer. */
  public boolean noAnswer() {
    return noAnswer;
  }

  /** Returns how many numbers an embedding has; {@code null} if that is not known. */
  public Integer width() {
    return width;
  }
}
