package io.edgebert.core;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The part of {@code edgebert.json} that an app needs. */
public final class Manifest {
  /** Name of the file inside a bundle. */
  public static final String FILE = "edgebert.json";

  /** Newest schema this library reads. */
  public static final int NEWEST_SCHEMA = 5;

  private static final int DIGEST_SINCE = 3;
  private static final int SETTINGS_SINCE = 5;
  private static final String DIGEST_KEY = "\"digest\": \"";
  private static final int DIGEST_DIGITS = 64;

  private final int schema;
  private final String digest;
  private final Task task;
  private final List<String> labels;
  private final TaskSettings settings;
  private final TextSpec text;
  private final TextSpec baselineText;
  private final List<Artifact> artifacts;
  private final Map<String, FileEntry> entries = new LinkedHashMap<>();

  private Manifest(JsonObject json, String content) throws EdgebertException {
    schema = schema(json, NEWEST_SCHEMA, FILE);
    digest = schema < DIGEST_SINCE ? null : json.string("digest");
    if (digest != null && !digest.equals(digestOf(content))) {
      throw new EdgebertException(
          EdgebertException.Kind.DAMAGED_FILE,
          FILE + ": its content is not what its digest says; copy the bundle again");
    }
    task = Task.named(json.string("task"));
    labels = Collections.unmodifiableList(json.strings("labels"));
    if (labels.isEmpty() == task.hasLabels()) {
      throw json.damaged("labels", labels.isEmpty() ? "is empty" : "is not empty, but the task has none");
    }
    settings =
        schema < SETTINGS_SINCE ? TaskSettings.none() : TaskSettings.read(json.object("settings"), task, labels.size());
    text = TextSpec.read(json.object("text"));
    // A model that was pruned ships with another vocabulary than the original that its baselines were made from.
    baselineText = schema >= 2 && json.has("original") ? TextSpec.read(json.object("original").object("text")) : null;
    List<Artifact> read = new ArrayList<>();
    for (JsonObject artifact : json.objects("artifacts")) {
      read.add(Artifact.read(artifact));
      add(json, read.get(read.size() - 1).entry());
    }
    artifacts = Collections.unmodifiableList(read);
    for (JsonObject file : json.objects("files")) {
      add(json, FileEntry.read(file));
    }
  }

  /**
   * Reads a manifest.
   *
   * @param content content of {@code edgebert.json}
   * @throws EdgebertException it is damaged, of a newer schema, or of a task this library does not know
   */
  public static Manifest read(String content) throws EdgebertException {
    return new Manifest(JsonObject.read(content, FILE), content);
  }

  /** Returns the sha256 of a manifest in which the digits of the digest are zeros; {@code null} when it has none. */
  private static String digestOf(String content) {
    int start = content.indexOf(DIGEST_KEY) + DIGEST_KEY.length();
    int end = start + DIGEST_DIGITS;
    if (start < DIGEST_KEY.length() || end > content.length()) {
      return null;
    }
    StringBuilder zeroed = new StringBuilder(content);
    for (int index = start; index < end; index++) {
      zeroed.setCharAt(index, '0');
    }
    return Bundle.hex(Bundle.sha256().digest(zeroed.toString().getBytes(StandardCharsets.UTF_8)));
  }

  /** Returns the schema number of a file, having refused one that is too new before any other field is read. */
  static int schema(JsonObject json, int newest, String file) throws EdgebertException {
    long schema = json.wholeNumber("schema");
    if (schema < 1) {
      throw json.damaged("schema", "is " + schema + ", but the first was 1");
    }
    if (schema > newest) {
      throw new EdgebertException(
          EdgebertException.Kind.NEWER_SCHEMA,
          file + ": the model was made by a newer edgebert (schema " + schema + "); this app reads up to " + newest
              + ": update the app, or export the model with the edgebert that belongs to it");
    }
    return (int) schema;
  }

  private void add(JsonObject json, FileEntry entry) throws EdgebertException {
    if (entries.put(entry.file(), entry) != null) {
      throw json.damaged("files", "list " + entry.file() + " twice");
    }
  }

  /** Returns the schema number. */
  public int schema() {
    return schema;
  }

  /** Returns the digest of the manifest, which was compared with its content; {@code null} where the schema is below 3. */
  public String digest() {
    return digest;
  }

  /** Returns what the model does. */
  public Task task() {
    return task;
  }

  /** Returns the label names in the order of the logits; none where the task has none. */
  public List<String> labels() {
    return labels;
  }

  /** Returns what else the checkpoint fixes of the task. */
  public TaskSettings settings() {
    return settings;
  }

  /** Returns how a text becomes ids for the model that ships. */
  public TextSpec text() {
    return text;
  }

  /** Returns whether the baselines have a tokenizer and golden texts of their own. */
  public boolean hasOriginal() {
    return baselineText != null;
  }

  /**
   * Returns how a text becomes ids for a model file.
   *
   * @param artifact one of {@link #artifacts()}
   */
  public TextSpec text(Artifact artifact) {
    return usesOriginal(artifact) ? baselineText : text;
  }

  /** Returns the file that lists the tokens of a model file. */
  public String vocabularyFile(Artifact artifact) {
    return usesOriginal(artifact) ? "baseline/vocab.txt" : "vocab.txt";
  }

  /** Returns the file with the golden texts of a model file. */
  public String goldenFile(Artifact artifact) {
    return usesOriginal(artifact) ? "baseline/golden.json" : "golden.json";
  }

  private boolean usesOriginal(Artifact artifact) {
    return artifact.baseline() && baselineText != null;
  }

  /** Returns the model files. */
  public List<Artifact> artifacts() {
    return artifacts;
  }

  /**
   * Returns a model file by its name.
   *
   * @throws EdgebertException there is none of that name
   */
  public Artifact artifact(String file) throws EdgebertException {
    StringBuilder known = new StringBuilder();
    for (Artifact artifact : artifacts) {
      if (artifact.file().equals(file)) {
        return artifact;
      }
      known.append(known.length() == 0 ? "" : ", ").append(artifact.file());
    }
    throw new EdgebertException(
        EdgebertException.Kind.BAD_REQUEST, "the bundle has no model file " + file + "; it has " + known);
  }

  /**
   * Returns size and hash of a file.
   *
   * @throws EdgebertException the manifest does not list it
   */
  public FileEntry entry(String file) throws EdgebertException {
    FileEntry entry = entries.get(file);
    if (entry == null) {
      throw new EdgebertException(EdgebertException.Kind.DAMAGED_FILE, FILE + ": lists no " + file);
    }
    return entry;
  }

  /**
   * Checks that the labels an app was written for are those of the model.
   *
   * @param expected labels in the order the app knows them in
   * @throws EdgebertException they differ; the message has both
   */
  public void checkLabels(List<String> expected) throws EdgebertException {
    if (!labels.equals(expected)) {
      throw new EdgebertException(
          EdgebertException.Kind.LABEL_MISMATCH,
          "the app was built for the labels " + expected + ", but the model has " + labels);
    }
  }
}
