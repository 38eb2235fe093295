package io.edgebert.core;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** The texts of {@code golden.json}, with the ids and logits that every app must get for them. */
public final class Golden {
  /** Newest schema this library reads. */
  public static final int NEWEST_SCHEMA = 2;

  private final List<Case> cases;

  private Golden(List<Case> cases) {
    this.cases = cases;
  }

  /**
   * Reads golden texts.
   *
   * @param content content of the file
   * @param file name of the file, for messages
   * @throws EdgebertException it is damaged, or of a newer schema
   */
  public static Golden read(String content, String file) throws EdgebertException {
    JsonObject json = JsonObject.read(content, file);
    int schema = Manifest.schema(json, NEWEST_SCHEMA, file);
    List<Case> cases = new ArrayList<>();
    for (JsonObject item : json.objects("cases")) {
      cases.add(schema == 1 ? flat(item) : nested(item));
    }
    if (cases.isEmpty()) {
      throw json.damaged("cases", "is empty");
    }
    return new Golden(Collections.unmodifiableList(cases));
  }

  /** Reads a case of schema 1, which knew one text and its logits. */
  private static Case flat(JsonObject item) throws EdgebertException {
    return new Case(item.string("text"), item.integers("input_ids"), item.floats("logits"));
  }

  /** Reads a case of schema 2: texts, and the windows that the model reads them in, with its outputs by name. */
  private static Case nested(JsonObject item) throws EdgebertException {
    List<String> texts = item.strings("texts");
    List<JsonObject> windows = item.objects("windows");
    if (texts.size() != 1 || windows.size() != 1) {
      throw item.damaged("texts", "has " + texts.size() + " texts in " + windows.size() + " windows instead of 1 in 1");
    }
    JsonObject output = windows.get(0).object("outputs").object("logits");
    float[] values = output.floats("values");
    long expected = 1;
    for (int size : output.integers("shape")) {
      expected *= size;
    }
    if (values.length != expected) {
      throw output.damaged("values", "has " + values.length + " numbers instead of " + expected);
    }
    return new Case(texts.get(0), windows.get(0).integers("input_ids"), values);
  }

  /** Returns the texts. */
  public List<Case> cases() {
    return cases;
  }

  /** A text and what must come out for it. */
  public static final class Case {
    private final String text;
    private final int[] inputIds;
    private final float[] logits;

    Case(String text, int[] inputIds, float[] logits) {
      this.text = text;
      this.inputIds = inputIds;
      this.logits = logits;
    }

    /** Returns the text as a user would type it. */
    public String text() {
      return text;
    }

    /** Returns its ids: special tokens included, cut, not padded. */
    public int[] inputIds() {
      return inputIds.clone();
    }

    /** Returns the logits of the model that the file was made from, one for each label. */
    public float[] logits() {
      return logits.clone();
    }
  }
}
