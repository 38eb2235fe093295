package io.edgebert.core;

import java.io.File;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

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
    Long firstNs = null;
    List<ModelInput> first = inputs.isEmpty() ? asked : inputs.get(0);
    if (!first.isEmpty()) {
      long start = System.nanoTime();
      float[][] found = backend.run(first.get(0));
      firstNs = System.nanoTime() - start;
      answer(request, artifact, first.get(0), found); // numbers, or nothing is measured
    }
    List<Object> series = new ArrayList<>();
    for (int index = 0; index < inputs.size(); index++) {
      BenchmarkRequest.Series one = request.series().get(index);
      settle(backend, inputs.get(index));
      time(backend, inputs.get(index), request.warmUp());
      long[] runNs = time(backend, inputs.get(index), request.runs());
      conditions.add(read("during"));
      series.add(timedSeries(one.name, inputs.get(index), runNs));
    }
    // Before the tokenizer and the answers, which are no part of what the file needs.
    Long peakBytes = device.peakBytes();
    Map<String, Object> tokenized = tokenized(request, artifact);
    List<Object> answers = new ArrayList<>();
    for (ModelInput input : asked) {
      checkNotStopped();
      answers.add(answer(request, artifact, input, backend.run(input)));
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

  private static Map<String, Object> timedSeries(String name, List<ModelInput> inputs, long[] runNs) {
    List<Object> tokens = new ArrayList<>();
    List<Object> fed = new ArrayList<>();
    for (ModelInput input : inputs) {
      tokens.add(input.tokens());
      fed.add(input.length());
    }
    List<Object> times = new ArrayList<>();
    for (long ns : runNs) {
      times.add(ns);
    }
    Map<String, Object> timed = new LinkedHashMap<>();
    timed.put("name", name);
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

  /** Returns the outputs of one input by name, without the batch dimension and the rows of padding. */
  private static Map<String, Object> answer(
      BenchmarkRequest request, Artifact artifact, ModelInput input, float[][] found) throws EdgebertException {
    List<TensorSpec> outputs = artifact.outputs();
    if (found.length != outputs.size()) {
      throw failure("the model has " + found.length + " outputs instead of " + outputs.size());
    }
    Map<String, Object> answer = new TreeMap<>();
    for (int index = 0; index < found.length; index++) {
      String name = outputs.get(index).name();
      int[] shape = outputs.get(index).shape(input.length());
      boolean cropped = request.tokenOutputs().contains(name);
      if (cropped && shape.length > 0) {
        shape[0] = input.length(); // of a file with fixed lengths, the manifest states one of them
      }
      if (shape.length == 0 || product(shape) != found[index].length) {
        String wanted = Arrays.toString(shape) + " for " + input.tokens() + " tokens";
        throw failure("the model gives " + found[index].length + " numbers for " + name + ", which is " + wanted);
      }
      if (cropped) {
        shape[0] = input.tokens();
      }
      Map<String, Object> tensor = new LinkedHashMap<>();
      tensor.put("shape", sizes(shape));
      tensor.put("values", values(name, found[index], (int) product(shape)));
      answer.put(name, tensor);
    }
    return answer;
  }

  private static long product(int[] shape) {
    long product = 1;
    for (int size : shape) {
      product *= size;
    }
    return product;
  }

  private static List<Object> sizes(int[] shape) {
    List<Object> sizes = new ArrayList<>();
    for (int size : shape) {
      sizes.add(size);
    }
    return sizes;
  }

  /** Returns the first values of an output. */
  private static List<Object> values(String name, float[] found, int count) throws EdgebertException {
    List<Object> values = new ArrayList<>();
    for (int index = 0; index < count; index++) {
      if (Float.isNaN(found[index]) || Float.isInfinite(found[index])) {
        throw failure("the model gives NaN or infinite " + name);
      }
      // As a double, whose digits are those that Python writes for the same float32.
      values.add((double) found[index]);
    }
    return values;
  }

  private static EdgebertException failure(String message) {
    return new EdgebertException(EdgebertException.Kind.RUNTIME_FAILURE, message);
  }

  private static void checkNotStopped() throws EdgebertException {
    if (Thread.currentThread().isInterrupted()) {
      throw new EdgebertException(EdgebertException.Kind.CLOSED, "the benchmark was stopped");
    }
  }
}
