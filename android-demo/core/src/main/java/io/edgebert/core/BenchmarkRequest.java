package io.edgebert.core;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** What a benchmark is asked to do: the request of docs/worker.md. */
public final class BenchmarkRequest {
  /** Version of the request and of what comes back. */
  public static final int SCHEMA = 2;

  private static final String NAME = "the request";
  private static final List<String> RUNTIMES =
      Collections.unmodifiableList(Arrays.asList("onnxruntime", "litert", "tflite-runtime"));
  private static final int MOST_THREADS = 256;

  private final String file;
  private final String runtime;
  private final int threads;
  private final int padId;
  private final List<Series> series;
  private final int warmUp;
  private final int runs;
  private final List<int[]> answers;
  private final String tokenizer;
  private final int maxLength;
  private final List<String> texts;
  private final List<String> tokenOutputs;

  /** Inputs that are timed together. */
  static final class Series {
    final String name;
    final List<int[]> inputs;

    Series(String name, List<int[]> inputs) {
      this.name = name;
      this.inputs = inputs;
    }
  }

  private BenchmarkRequest(JsonObject json) throws EdgebertException {
    json.checkKeys(
        "schema", "file", "runtime", "threads", "cores", "pad_id", "series", "warm_up", "runs", "answers", "tokenizer",
        "max_length", "texts", "marks", "token_outputs");
    file = path(json, "file");
    runtime = json.string("runtime");
    if (!RUNTIMES.contains(runtime)) {
      throw json.damaged("runtime", "is \"" + runtime + "\", not one of " + RUNTIMES);
    }
    threads = json.integer("threads");
    if (threads < 1 || threads > MOST_THREADS) {
      throw json.damaged("threads", "is " + threads + ", not a number from 1 to " + MOST_THREADS);
    }
    if (json.integers("cores").length > 0) {
      throw json.damaged("cores", "is not empty, but an app cannot choose its processors");
    }
    padId = json.count("pad_id");
    series = new ArrayList<>();
    for (JsonObject one : json.objects("series")) {
      one.checkKeys("name", "inputs");
      series.add(new Series(one.string("name"), inputs(one, "inputs")));
      if (series.get(series.size() - 1).inputs.isEmpty()) {
        throw one.damaged("inputs", "is empty");
      }
    }
    warmUp = json.count("warm_up");
    runs = json.count("runs");
    answers = json.holds("answers") ? inputs(json, "answers") : new ArrayList<int[]>();
    tokenizer = json.has("tokenizer") ? path(json, "tokenizer") : null;
    maxLength = json.holds("max_length") ? json.count("max_length") : 0;
    if (tokenizer != null && maxLength < 2) {
      throw json.damaged("max_length", "is " + maxLength + ", but a tokenizer needs 2 or more");
    }
    texts = json.holds("texts") ? json.strings("texts") : new ArrayList<String>();
    if (json.holds("marks") && json.bool("marks")) {
      throw json.damaged("marks", "is true, but an app cannot mark its runs");
    }
    tokenOutputs = json.holds("token_outputs") ? json.strings("token_outputs") : new ArrayList<String>();
  }

  private BenchmarkRequest(Artifact artifact, ModelRuntime runtime, int threads, int padId, Series one, int warmUp, int runs) {
    file = artifact.file();
    this.runtime = runtime.name();
    this.threads = threads;
    this.padId = padId;
    series = Collections.singletonList(one);
    this.warmUp = warmUp;
    this.runs = runs;
    answers = new ArrayList<>();
    tokenizer = null;
    maxLength = 0;
    texts = new ArrayList<>();
    tokenOutputs = new ArrayList<>();
  }

  /**
   * Reads a request.
   *
   * @param content JSON
   * @throws EdgebertException it is no JSON, of another schema, or a key is unknown, missing or of the wrong type; or it
   *     asks for what an app cannot do
   */
  public static BenchmarkRequest read(String content) throws EdgebertException {
    try {
      JsonObject json = JsonObject.read(content, NAME);
      long schema = json.wholeNumber("schema");
      if (schema != SCHEMA) {
        throw json.damaged("schema", "is " + schema + ", not " + SCHEMA + ", the only one this app knows");
      }
      return new BenchmarkRequest(json);
    } catch (EdgebertException error) {
      throw new EdgebertException(EdgebertException.Kind.BAD_REQUEST, error.getMessage(), error);
    }
  }

  /**
   * Returns the request of a benchmark screen: the golden texts of a model file, timed as one series.
   *
   * @param bundle the bundle
   * @param artifact the model file
   * @param runtime the runtime to open it in
   * @param threads threads that one inference may use
   * @param warmUp inferences before the first that counts
   * @param runs inferences that count
   * @throws EdgebertException the golden texts are missing or damaged
   */
  public static BenchmarkRequest ofGoldenTexts(
      Bundle bundle, Artifact artifact, ModelRuntime runtime, int threads, int warmUp, int runs)
      throws EdgebertException {
    List<int[]> inputs = new ArrayList<>();
    for (Golden.Case item : bundle.golden(artifact).cases()) {
      for (Golden.Window window : item.windows()) {
        inputs.add(window.inputIds());
      }
    }
    int padId = bundle.manifest().text(artifact).padId();
    return new BenchmarkRequest(artifact, runtime, threads, padId, new Series("all", inputs), warmUp, runs);
  }

  /** Returns the model file, by its path inside the bundle. */
  public String file() {
    return file;
  }

  /** Returns the name of the runtime to open it in. */
  public String runtime() {
    return runtime;
  }

  /** Returns how many threads one inference may use. */
  public int threads() {
    return threads;
  }

  int padId() {
    return padId;
  }

  List<Series> series() {
    return series;
  }

  int warmUp() {
    return warmUp;
  }

  int runs() {
    return runs;
  }

  List<int[]> answers() {
    return answers;
  }

  String tokenizer() {
    return tokenizer;
  }

  int maxLength() {
    return maxLength;
  }

  List<String> texts() {
    return texts;
  }

  /** Returns the outputs that have a row for each token. */
  List<String> tokenOutputs() {
    return tokenOutputs;
  }

  private static String path(JsonObject json, String name) throws EdgebertException {
    String path = json.string(name);
    if (path.isEmpty() || path.indexOf('\0') >= 0) {
      throw json.damaged(name, "is not the path of a file");
    }
    return path;
  }

  private static List<int[]> inputs(JsonObject json, String name) throws EdgebertException {
    List<int[]> inputs = json.integerLists(name);
    for (int index = 0; index < inputs.size(); index++) {
      int[] ids = inputs.get(index);
      if (ids.length == 0) {
        throw json.damaged(name + "[" + index + "]", "is empty");
      }
      for (int id : ids) {
        if (id < 0) {
          throw json.damaged(name + "[" + index + "]", "has the id " + id + ", but none is negative");
        }
      }
    }
    return inputs;
  }
}
