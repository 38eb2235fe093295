package io.edgebert.core;

import java.io.Closeable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/**
 * From a text to an answer: tokenizer, length choice, runtime and decoder together. Used by one thread at a time;
 * {@link ModelWorker} sees to that.
 *
 * @param <A> what an answer is
 */
public final class TextModel<A> implements Closeable {
  private final WordPieceTokenizer tokenizer;
  private final Task task;
  private final TaskSettings settings;
  private final int[] lengths;
  private final List<TensorSpec> outputs;
  private final Backend backend;
  private final Decoder<? extends A> decoder;
  private boolean closed;

  /**
   * Puts a model together.
   *
   * @param tokenizer makes ids of a text
   * @param task what the model does
   * @param settings settings of the task
   * @param lengths lengths that the model file has signatures for, ascending; none when every length goes
   * @param outputs outputs of the model file, in the order of the manifest
   * @param backend the runtime with the model in it; closed together with this
   * @param decoder makes an answer of the outputs
   */
  TextModel(
      WordPieceTokenizer tokenizer,
      Task task,
      TaskSettings settings,
      int[] lengths,
      List<TensorSpec> outputs,
      Backend backend,
      Decoder<? extends A> decoder) {
    this.tokenizer = tokenizer;
    this.task = task;
    this.settings = settings;
    this.lengths = lengths.clone();
    this.outputs = outputs;
    this.backend = backend;
    this.decoder = decoder;
  }

  private static <A> TextModel<A> of(
      Bundle bundle, Artifact artifact, Backend backend, Task task, Decoder<? extends A> decoder)
      throws EdgebertException {
    TaskSettings settings = bundle.manifest().settings();
    return new TextModel<>(
        bundle.tokenizer(artifact), task, settings, artifact.lengths(), artifact.outputs(), backend, decoder);
  }

  private static void check(Bundle bundle, Task task) throws EdgebertException {
    Task found = bundle.manifest().task();
    if (found != task) {
      throw new EdgebertException(
          EdgebertException.Kind.UNKNOWN_TASK,
          "the model does " + found.manifestName() + ", not " + task.manifestName());
    }
  }

  /**
   * Returns a model of any task. Its answers are {@link Classification}, {@link LabelScores}, {@link Double}, a list of
   * {@link Entity}, {@link Span} or {@code float[]}, in the order of {@link Task}.
   *
   * @param bundle the bundle
   * @param artifact which of its model files the backend has open
   * @param backend the runtime with that file in it
   * @throws EdgebertException the bundle is damaged
   */
  public static TextModel<Object> open(Bundle bundle, Artifact artifact, Backend backend) throws EdgebertException {
    Manifest manifest = bundle.manifest();
    Decoder<?> decoder = decoder(manifest.task(), manifest.labels(), manifest.settings());
    return of(bundle, artifact, backend, manifest.task(), decoder);
  }

  /** Returns what makes answers of the outputs of a task. */
  static Decoder<?> decoder(Task task, List<String> labels, TaskSettings settings) {
    switch (task) {
      case TEXT_CLASSIFICATION:
        return new LabelDecoder(labels);
      case MULTI_LABEL_CLASSIFICATION:
        return new LabelsDecoder(labels, settings.thresholds());
      case TEXT_REGRESSION:
        return new NumberDecoder();
      case TOKEN_CLASSIFICATION:
        return new EntityDecoder(labels, settings.aggregation());
      case QUESTION_ANSWERING:
        return new SpanDecoder(settings.noAnswer());
      default:
        return new VectorDecoder(settings.width());
    }
  }

  /**
   * Returns a model that gives a text one of several labels.
   *
   * @param bundle the bundle
   * @param artifact which of its model files the backend has open
   * @param backend the runtime with that file in it
   * @throws EdgebertException the bundle is damaged, or of another task
   */
  public static TextModel<Classification> classifier(Bundle bundle, Artifact artifact, Backend backend)
      throws EdgebertException {
    check(bundle, Task.TEXT_CLASSIFICATION);
    Decoder<Classification> decoder = new LabelDecoder(bundle.manifest().labels());
    return of(bundle, artifact, backend, Task.TEXT_CLASSIFICATION, decoder);
  }

  /** Returns a model that gives a text any number of labels; otherwise as {@link #classifier}. */
  public static TextModel<LabelScores> labeler(Bundle bundle, Artifact artifact, Backend backend)
      throws EdgebertException {
    check(bundle, Task.MULTI_LABEL_CLASSIFICATION);
    Manifest manifest = bundle.manifest();
    Decoder<LabelScores> decoder = new LabelsDecoder(manifest.labels(), manifest.settings().thresholds());
    return of(bundle, artifact, backend, Task.MULTI_LABEL_CLASSIFICATION, decoder);
  }

  /** Returns a model that gives a number for a text; otherwise as {@link #classifier}. */
  public static TextModel<Double> regressor(Bundle bundle, Artifact artifact, Backend backend) throws EdgebertException {
    check(bundle, Task.TEXT_REGRESSION);
    return of(bundle, artifact, backend, Task.TEXT_REGRESSION, new NumberDecoder());
  }

  /** Returns a model that finds the entities in a text; otherwise as {@link #classifier}. */
  public static TextModel<List<Entity>> entityFinder(Bundle bundle, Artifact artifact, Backend backend)
      throws EdgebertException {
    check(bundle, Task.TOKEN_CLASSIFICATION);
    Manifest manifest = bundle.manifest();
    Decoder<List<Entity>> decoder = new EntityDecoder(manifest.labels(), manifest.settings().aggregation());
    return of(bundle, artifact, backend, Task.TOKEN_CLASSIFICATION, decoder);
  }

  /** Returns a model that finds the answer to a question in a context; otherwise as {@link #classifier}. */
  public static TextModel<Span> answerFinder(Bundle bundle, Artifact artifact, Backend backend) throws EdgebertException {
    check(bundle, Task.QUESTION_ANSWERING);
    Decoder<Span> decoder = new SpanDecoder(bundle.manifest().settings().noAnswer());
    return of(bundle, artifact, backend, Task.QUESTION_ANSWERING, decoder);
  }

  /** Returns a model that gives the embedding of a text; otherwise as {@link #classifier}. */
  public static TextModel<float[]> embedder(Bundle bundle, Artifact artifact, Backend backend) throws EdgebertException {
    check(bundle, Task.FEATURE_EXTRACTION);
    Decoder<float[]> decoder = new VectorDecoder(bundle.manifest().settings().width());
    return of(bundle, artifact, backend, Task.FEATURE_EXTRACTION, decoder);
  }

  /** Returns the tokenizer. */
  public WordPieceTokenizer tokenizer() {
    return tokenizer;
  }

  /** Returns what the model does. */
  public Task task() {
    return task;
  }

  /**
   * Returns the answer to a text, or to a question about a context.
   *
   * @param texts the text; for answers in a context, the question and then the context
   * @throws EdgebertException there is nothing in the text or question, it is no valid Unicode, or the runtime failed
   */
  public Answer<A> answer(String... texts) throws EdgebertException {
    long start = System.nanoTime();
    List<String> given = Collections.unmodifiableList(Arrays.asList(texts.clone()));
    List<Encoding> windows = windows(given);
    if (windows.get(0).sequence(1) == Encoding.NONE) {
      throw new EdgebertException(
          EdgebertException.Kind.EMPTY_TEXT, "there is nothing to read in the text; type a word or more");
    }
    List<ModelInput> inputs = new ArrayList<>();
    int length = 0;
    for (Encoding window : windows) {
      ModelInput input = input(window);
      inputs.add(input);
      length = Math.max(length, input.length());
    }
    long tokenized = System.nanoTime();
    List<float[][]> found = new ArrayList<>();
    for (ModelInput input : inputs) {
      found.add(run(input));
    }
    long done = System.nanoTime();
    List<Outputs> named = new ArrayList<>();
    for (int window = 0; window < inputs.size(); window++) {
      named.add(Outputs.of(outputs, task.perToken(), inputs.get(window), found.get(window)));
    }
    A value = decoder.decode(given, windows, named);
    return new Answer<>(value, windows, length, tokenized - start, done - tokenized);
  }

  /**
   * Returns the inputs in which the model reads texts.
   *
   * @throws EdgebertException there are more or fewer texts than the task has, or one is no valid Unicode
   */
  public List<Encoding> windows(List<String> texts) throws EdgebertException {
    return task.windows(tokenizer, texts, settings);
  }

  /**
   * Returns what the model puts out for an input, without making an answer of it. An empty text is run like any other.
   *
   * @throws EdgebertException the input does not fit, or the runtime failed
   */
  public Outputs outputs(Encoding encoding) throws EdgebertException {
    ModelInput input = input(encoding);
    return Outputs.of(outputs, task.perToken(), input, run(input));
  }

  private ModelInput input(Encoding encoding) throws EdgebertException {
    int[] ids = encoding.ids();
    return ModelInput.of(ids, InputLength.fitting(ids.length, lengths), tokenizer.spec().padId());
  }

  private float[][] run(ModelInput input) throws EdgebertException {
    if (closed) {
      throw new EdgebertException(EdgebertException.Kind.CLOSED, "the model was closed");
    }
    return backend.run(input);
  }

  /** Frees what the runtime holds; closing twice does nothing. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      backend.close();
    }
  }
}
