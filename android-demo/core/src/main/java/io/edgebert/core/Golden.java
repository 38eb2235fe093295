package io.edgebert.core;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The texts of {@code golden.json}, with the ids and outputs that every app must get for them. */
public final class Golden {
  /** Newest schema this library reads. */
  public static final int NEWEST_SCHEMA = 3;

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
    Map<String, float[]> outputs = Collections.singletonMap("logits", item.floats("logits"));
    Window window = new Window(item.integers("input_ids"), null, outputs);
    return new Case(Collections.singletonList(item.string("text")), Collections.singletonList(window));
  }

  /** Reads a case of schema 2 or 3: texts, and the windows that the model reads them in, with its outputs by name. */
  private static Case nested(JsonObject item) throws EdgebertException {
    List<String> texts = item.strings("texts");
    List<Window> windows = new ArrayList<>();
    for (JsonObject window : item.objects("windows")) {
      JsonObject outputs = window.object("outputs");
      Map<String, float[]> named = new LinkedHashMap<>();
      for (String name : outputs.names()) {
        named.put(name, values(outputs.object(name)));
      }
      if (named.isEmpty()) {
        throw window.damaged("outputs", "is empty");
      }
      // Since schema 3.
      List<int[]> offsets = window.has("offsets") ? window.integerLists("offsets") : null;
      windows.add(new Window(window.integers("input_ids"), offsets, named));
    }
    if (texts.isEmpty() || windows.isEmpty()) {
      throw item.damaged(texts.isEmpty() ? "texts" : "windows", "is empty");
    }
    return new Case(Collections.unmodifiableList(texts), Collections.unmodifiableList(windows));
  }

  private static float[] values(JsonObject output) throws EdgebertException {
    float[] values = output.floats("values");
    long expected = 1;
    for (int size : output.integers("shape")) {
      expected *= size;
    }
    if (values.length != expected) {
      throw output.damaged("values", "has " + values.length + " numbers instead of " + expected);
    }
    return values;
  }

  /** Returns the texts. */
  public List<Case> cases() {
    return cases;
  }

  /** An input as a user would type it, and what must come out for it. */
  public static final class Case {
    private final List<String> texts;
    private final List<Window> windows;

    Case(List<String> texts, List<Window> windows) {
      this.texts = texts;
      this.windows = windows;
    }

    /** Returns the text, or the two of a pair. */
    public List<String> texts() {
      return texts;
    }

    /** Returns what the model reads of them: one input, or several where a text is read piece by piece. */
    public List<Window> windows() {
      return windows;
    }
  }

  /** One input of the model, and what the model that the file was made from puts out for it. */
  public static final class Window {
    private final int[] inputIds;
    private final List<int[]> offsets;
    private final Map<String, float[]> outputs;

    Window(int[] inputIds, List<int[]> offsets, Map<String, float[]> outputs) {
      this.inputIds = inputIds;
      this.offsets = offsets;
      this.outputs = Collections.unmodifiableMap(outputs);
    }

    /** Returns its ids: special tokens included, cut, not padded. */
    public int[] inputIds() {
      return inputIds.clone();
    }

    /** Returns where each token begins and ends in its own text, in code points; {@code null} if that does not matter. */
    public List<int[]> offsets() {
      return offsets;
    }

    /** Returns the outputs by name, the last dimension fastest. */
    public Map<String, float[]> outputs() {
      return outputs;
    }
  }
}
