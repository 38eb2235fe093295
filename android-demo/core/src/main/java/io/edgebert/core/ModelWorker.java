package io.edgebert.core;

import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Runs a model on a thread of its own, so that the thread that draws never waits for it.
 *
 * <p>Only the latest question counts: a question that is still waiting when the next one comes is never run, and a
 * listener whose question is no longer the latest is never called. So two quick taps give one answer, and a screen that
 * was closed or turned gets none that was meant for it before.
 *
 * @param <A> what an answer is
 */
public final class ModelWorker<A> {
  /**
   * Opens the model.
   *
   * @param <A> what an answer is
   */
  public interface Loader<A> {
    /**
     * Returns the model, checked and ready. Called on the worker's thread, when a model is needed and none is open.
     *
     * @throws EdgebertException the model cannot be used; the next question tries again
     */
    TextModel<A> load() throws EdgebertException;
  }

  /**
   * Hears of answers.
   *
   * @param <A> what an answer is
   */
  public interface Listener<A> {
    /** Called when the model is open, if that was all that was asked for. */
    default void onOpen() {}

    /** Called with the answer. */
    void onAnswer(Answer<A> answer);

    /** Called when there is none; the message is fit to be shown. */
    void onError(EdgebertException error);
  }

  /** What is done for a question; null stands for no answer but an open model. */
  private interface Step<A> {
    Answer<A> run() throws EdgebertException;
  }

  private final Loader<A> loader;
  private final Executor callbacks;
  private final ExecutorService thread =
      Executors.newSingleThreadExecutor(task -> new Thread(task, "edgebert-model"));
  private final AtomicLong latest = new AtomicLong();

  // Touched on the worker's thread alone.
  private TextModel<A> model;

  /**
   * Makes a worker; nothing is opened yet.
   *
   * @param loader opens the model
   * @param callbacks where listeners are called: for an app, the thread that draws
   */
  public ModelWorker(Loader<A> loader, Executor callbacks) {
    this.loader = loader;
    this.callbacks = callbacks;
  }

  /** Opens the model, so that the first answer need not wait for it. Returns at once. */
  public void open(Listener<A> listener) {
    start(
        listener,
        () -> {
          opened();
          return null;
        });
  }

  /**
   * Asks for an answer. Returns at once.
   *
   * @param listener hears of it
   * @param texts the text; for answers in a context, the question and then the context
   */
  public void ask(Listener<A> listener, String... texts) {
    start(listener, () -> opened().answer(texts));
  }

  private void start(Listener<A> listener, Step<A> step) {
    long question = latest.incrementAndGet();
    try {
      thread.execute(() -> work(question, step, listener));
    } catch (RejectedExecutionException error) {
      EdgebertException closed = new EdgebertException(EdgebertException.Kind.CLOSED, "the model was closed", error);
      callbacks.execute(() -> listener.onError(closed));
    }
  }

  /** Lets go of the listener of the latest question: it is not called any more. */
  public void forget() {
    latest.incrementAndGet();
  }

  /**
   * Closes the model as soon as it has ended what it is doing, to free its memory or to open another. Returns at once;
   * the next question opens it again.
   */
  public void release() {
    try {
      thread.execute(this::closeModel);
    } catch (RejectedExecutionException error) {
      // It was closed for good before, and the model with it.
      return;
    }
  }

  /** Closes the model as soon as it has ended what it is doing. Returns at once; no listener is called any more. */
  public void close() {
    forget();
    try {
      thread.execute(this::closeModel);
    } catch (RejectedExecutionException error) {
      // It was closed before.
      return;
    }
    thread.shutdown();
  }

  /** Waits until the model is closed for good; tests need to know. */
  boolean awaitClosed(long seconds) throws InterruptedException {
    return thread.awaitTermination(seconds, TimeUnit.SECONDS);
  }

  private TextModel<A> opened() throws EdgebertException {
    if (model == null) {
      model = loader.load();
    }
    return model;
  }

  private void work(long question, Step<A> step, Listener<A> listener) {
    if (question != latest.get()) {
      return;
    }
    Answer<A> answer = null;
    EdgebertException error = null;
    try {
      answer = step.run();
    } catch (EdgebertException failure) {
      error = failure;
    } catch (OutOfMemoryError failure) {
      closeModel();
      error =
          new EdgebertException(
              EdgebertException.Kind.OUT_OF_MEMORY, "there is not enough memory for the model; close other apps", failure);
    } catch (RuntimeException | LinkageError | StackOverflowError failure) {
      // Left alone, it would end the app: nobody else hears of what is thrown on this thread.
      error =
          new EdgebertException(EdgebertException.Kind.RUNTIME_FAILURE, "the model failed: " + failure, failure);
    }
    tell(question, listener, answer, error);
  }

  private void tell(long question, Listener<A> listener, Answer<A> answer, EdgebertException error) {
    callbacks.execute(
        () -> {
          if (question != latest.get()) {
            return;
          }
          if (error != null) {
            listener.onError(error);
          } else if (answer != null) {
            listener.onAnswer(answer);
          } else {
            listener.onOpen();
          }
        });
  }

  private void closeModel() {
    if (model != null) {
      model.close();
      model = null;
    }
  }
}
