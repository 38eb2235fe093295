package io.edgebert.core;

import java.io.Closeable;

/**
 * From a text to an answer: tokenizer, length choice, runtime and decoder together. Used by one thread at a time;
 * {@link ModelWorker} sees to that.
 *
 * @param <A> what an answer is
 */
public final class TextModel<A> implements Closeable {
  private final WordPieceTokenizer tokenizer;
  private final int[] lengths;
  private final Backend backend;
  private final Decoder<A> decoder;
  private boolean closed;

  /**
   * Puts a model together.
   *
   * @param tokenizer makes ids of a text
   * @param lengths lengths that the model file has signatures for, ascending; none when every length goes
   * @param backend the runtime with the model in it; closed together with this
   * @param decoder makes an answer of the outputs
   */
  public TextModel(WordPieceTokenizer tokenizer, int[] lengths, Backend backend, Decoder<A> decoder) {
    this.tokenizer = tokenizer;
    this.lengths = lengths.clone();
    this.backend = backend;
    this.decoder = decoder;
  }

  /**
   * Returns a classifier.
   *
   * @param bundle the bundle
   * @param artifact which of its model files the backend has open
   * @param backend the runtime with that file in it
   * @throws EdgebertException the bundle is damaged, or no classifier
   */
  public static TextModel<Classification> classifier(Bundle bundle, Artifact artifact, Backend backend)
      throws EdgebertException {
    Manifest manifest = bundle.manifest();
    if (manifest.task() != Task.TEXT_CLASSIFICATION) {
      throw new EdgebertException(
          EdgebertException.Kind.UNKNOWN_TASK, "the model does " + manifest.task().manifestName() + ", not labels");
    }
    return new TextModel<>(
        bundle.tokenizer(artifact), artifact.lengths(), backend, new LabelDecoder(manifest.labels()));
  }

  /** Returns the tokenizer. */
  public WordPieceTokenizer tokenizer() {
    return tokenizer;
  }

  /**
   * Returns the answer to a text.
   *
   * @throws EdgebertException there is nothing in the text, it is no valid Unicode, or the runtime failed
   */
  public Answer<A> answer(String text) throws EdgebertException {
    long start = System.nanoTime();
    Encoding encoding = tokenizer.encode(text);
    // Two tokens frame every text.
    if (encoding.size() == 2) {
      throw new EdgebertException(
          EdgebertException.Kind.EMPTY_TEXT, "there is nothing to read in the text; type a word or more");
    }
    ModelInput input = input(encoding);
    long tokenized = System.nanoTime();
    float[][] outputs = run(input);
    long done = System.nanoTime();
    A value = decoder.decode(text, encoding, outputs);
    return new Answer<>(value, encoding, input.length(), tokenized - start, done - tokenized);
  }

  /**
   * Returns what the model puts out for a text, without making an answer of it. An empty text is run like any other.
   *
   * @throws EdgebertException the text does not fit, or the runtime failed
   */
  public float[][] outputs(Encoding encoding) throws EdgebertException {
    return run(input(encoding));
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
