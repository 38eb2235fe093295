package io.edgebert.core;

import java.io.File;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Times a model file as docs/worker.md says, and gives back a trial that edgebert reads on a computer.
 *
 * <p>Make a new one for each trial, and make it when the process has just started: numbers of a process that did
 * something else before compare with nothing. An interrupt of its thread ends it between two runs.
 */
public final class BenchmarkRunner {
  private final long startMs = System.currentTimeMillis();
  private final long startNs = System.nanoTime();
  private final Bundle bundle;
  private final ModelFiles files;
  private final ModelRuntime runtime;
  private final DeviceConditions device;

  /**
   * Notes the start of a trial.
   *
   * @param bundle the bundle that the model file is in
   * @param files where its model files lie
   * @param runtime the runtime to open it in
   * @param battery the battery of the device
   */
  public BenchmarkRunner(Bundle bundle, ModelFiles files, ModelRuntime runtime, Battery battery) {
    this(bundle, files, runtime, battery, new File("/"));
  }

  /** As above, with the folder that {@code proc} and {@code sys} lie in. */
  BenchmarkRunner(Bundle bundle, ModelFiles files, ModelRuntime runtime, Battery battery, File root) {
    this.bundle = bundle;
    this.files = files;
    this.runtime = runtime;
    device = new DeviceConditions(new SystemFiles(root), battery);
  }

  /**
   * Returns the trial, as {@link JsonWriter} and {@link WorkerFrame} take it.
   *
   * @throws EdgebertException the request asks for what is not there, the runtime fails, or the thread was interrupted
   */
  public Map<String, Object> run(BenchmarkRequest request) throws EdgebertException {
    Artifact artifact = bundle.manifest().artifact(request.file());
    if (!request.runtime().equals(runtime.name())) {
      throw new EdgebertException(
          EdgebertException.Kind.RUNTIME_ABSENT, request.runtime() + ": this app has " + runtime.name() + " alone");
    }
    File model = files.path(artifact);
    List<Object> conditions = new ArrayList<>();
    conditions.add(read("before"));
    long loadingNs = System.nanoTime();
    runtime.load();
    long importNs = System.nanoTime() - loadingNs;
    long openingNs = System.nanoTime();
    try (Backend backend = runtime.open(artifact, model, request.threads())) {
      long loadNs = System.nanoTime() - openingNs;
      return measure(request, artifact, backend, conditions, importNs, loadNs);
    }
  }

  private Map<String, Object> measure(
      BenchmarkRequest request, Artifact artifact, Backend backend, List<Object> conditions, long importNs, long loadNs)
      throws EdgebertException {
    List<List<ModelInput>> inputs = new ArrayList<>();
    for (BenchmarkRequest.Series one : request.series()) {
      inputs.add(fed(one.inputs, artifact, request.padId()));
    }
    List<ModelInput> asked = fed(request.answers(), artifact, request.padId());
    Long firstNs = firstNs(backend, inputs, asked);
    List<Object> series = new ArrayList<>();
    for (int index = 0; index < inputs.size(); index++) {
      BenchmarkRequest.Series one = request.series().get(index);
      settle(backend, inputs.get(index));
      time(backend, inputs.get(index), request.warmUp());
      long[] runNs = time(backend, inputs.get(index), request.runs());
      conditions.add(read("during"));
      series.add(timedSeries(one, inputs.get(index), runNs));
    }
    // Before the tokenizer and the answers, which are no part of what the file needs.
    Long peakBytes = device.peakBytes();
    Map<String, Object> tokenized = tokenized(request, artifact);
    List<Object> answers = new ArrayList<>();
    for (ModelInput input : asked) {
      answers.add(logits(backend, input));
    }
    conditions.add(read("after"));
    Map<String, Object> trial = new LinkedHashMap<>();
    trial.put("schema", BenchmarkRequest.SCHEMA);
    trial.put("runtime", runtime.name());
    trial.put("version", runtime.version());
    trial.put("python", "");
    trial.put("threads", request.threads());
    trial.put("cores", device.processors());
    trial.put("import_ns", importNs);
    trial.put("load_ns", loadNs);
    trial.put("first_ns", firstNs);
    trial.put("series", series);
    trial.put("answers", answers);
    trial.put("tokenized", tokenized);
    trial.put("peak_rss_bytes", peakBytes);
    trial.put("conditions", conditions);
    trial.put("started_s", startMs / 1000.0);
    trial.put("ended_s", System.currentTimeMillis() / 1000.0);
    trial.put("elapsed_ns", System.nanoTime() - startNs);
    return trial;
  }

  private Map<String, Object> read(String moment) {
    return device.read(moment, System.nanoTime() - startNs);
  }

  private static List<ModelInput> fed(List<int[]> texts, Artifact artifact, int padId) throws EdgebertException {
    List<ModelInput> inputs = new ArrayList<>();
    for (int[] ids : texts) {
      inputs.add(ModelInput.of(ids, InputLength.fitting(ids.length, artifact.lengths()), padId));
    }
    return inputs;
  }

  private static Long firstNs(Backend backend, List<List<ModelInput>> series, List<ModelInput> asked)
      throws EdgebertException {
    List<ModelInput> from = series.isEmpty() ? asked : series.get(0);
    if (from.isEmpty()) {
      return null;
    }
    long start = System.nanoTime();
    logits(backend, from.get(0));
    return System.nanoTime() - start;
  }

  /** Runs each length once: a runtime plans its memory when it meets one for the first time. */
  private static void settle(Backend backend, List<ModelInput> inputs) throws EdgebertException {
    Map<Integer, ModelInput> different = new LinkedHashMap<>();
    for (ModelInput input : inputs) {
      different.put(input.length(), input);
    }
    time(backend, new ArrayList<>(different.values()), different.size());
  }

  /** Returns the nanoseconds of each run; run k takes input k modulo their number. */
  private static long[] time(Backend backend, List<ModelInput> inputs, int runs) throws EdgebertException {
    long[] runNs = new long[runs];
    for (int run = 0; run < runs; run++) {
      ModelInput input = inputs.get(run % inputs.size());
      checkNotStopped();
      long start = System.nanoTime();
      backend.run(input);
      runNs[run] = System.nanoTime() - start;
    }
    return runNs;
  }

  private static Map<String, Object> timedSeries(BenchmarkRequest.Series one, List<ModelInput> inputs, long[] runNs) {
    List<Object> tokens = new ArrayList<>();
    List<Object> fed = new ArrayList<>();
    for (int index = 0; index < inputs.size(); index++) {
      tokens.add(one.inputs.get(index).length);
      fed.add(inputs.get(index).length());
    }
    List<Object> times = new ArrayList<>();
    for (long ns : runNs) {
      times.add(ns);
    }
    Map<String, Object> timed = new LinkedHashMap<>();
    timed.put("name", one.name);
    timed.put("tokens", tokens);
    timed.put("fed", fed);
    timed.put("run_ns", times);
    return timed;
  }

  private Map<String, Object> tokenized(BenchmarkRequest request, Artifact artifact) throws EdgebertException {
    if (request.tokenizer() == null) {
      return null;
    }
    String vocabulary = bundle.manifest().vocabularyFile(artifact);
    // The same tokens under another name: a request that goes to other workers as well asks for that.
    String hugging = vocabulary.substring(0, vocabulary.length() - "vocab.txt".length()) + "tokenizer.json";
    if (!Arrays.asList(vocabulary, hugging).contains(request.tokenizer())) {
      throw new EdgebertException(
          EdgebertException.Kind.BAD_REQUEST,
          "the tokenizer of " + artifact.file() + " is " + vocabulary + ", not " + request.tokenizer());
    }
    WordPieceTokenizer tokenizer = bundle.tokenizer(artifact);
    for (String text : request.texts()) {
      tokenizer.encode(text, request.maxLength());
    }
    List<Object> times = new ArrayList<>();
    List<Object> ids = new ArrayList<>();
    for (String text : request.texts()) {
      checkNotStopped();
      long start = System.nanoTime();
      Encoding encoding = tokenizer.encode(text, request.maxLength());
      times.add(System.nanoTime() - start);
      List<Object> numbers = new ArrayList<>();
      for (int id : encoding.ids()) {
        numbers.add(id);
      }
      ids.add(numbers);
    }
    Map<String, Object> tokenized = new LinkedHashMap<>();
    tokenized.put("version", "edgebert core, as " + UnicodeTables.LIBRARY);
    tokenized.put("text_ns", times);
    tokenized.put("ids", ids);
    return tokenized;
  }

  private static List<Object> logits(Backend backend, ModelInput input) throws EdgebertException {
    checkNotStopped();
    float[][] outputs = backend.run(input);
    if (outputs.length != 1) {
      throw new EdgebertException(
          EdgebertException.Kind.RUNTIME_FAILURE, "the model has " + outputs.length + " outputs instead of 1");
    }
    List<Object> logits = new ArrayList<>();
    for (float logit : outputs[0]) {
      if (Float.isNaN(logit) || Float.isInfinite(logit)) {
        throw new EdgebertException(EdgebertException.Kind.RUNTIME_FAILURE, "the model gives NaN or infinite logits");
      }
      // As a double, whose digits are those that Python writes for the same float32.
      logits.add((double) logit);
    }
    return logits;
  }

  private static void checkNotStopped() throws EdgebertException {
    if (Thread.currentThread().isInterrupted()) {
      throw new EdgebertException(EdgebertException.Kind.CLOSED, "the benchmark was stopped");
    }
  }
}
