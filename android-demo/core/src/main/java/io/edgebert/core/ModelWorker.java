package io.edgebert.core;

import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
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
     * Returns the model, checked and ready. Called on the worker's thread, for the first question.
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
    /** Called with the answer. */
    void onAnswer(Answer<A> answer);

    /** Called when there is none; the message is fit to be shown. */
    void onError(EdgebertException error);
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

  /** Asks for the answer to a text. Returns at once. */
  public void ask(String text, Listener<A> listener) {
    long question = latest.incrementAndGet();
    try {
      thread.execute(() -> work(question, text, listener));
    } catch (RejectedExecutionException error) {
      EdgebertException closed = new EdgebertException(EdgebertException.Kind.CLOSED, "the model was closed", error);
      callbacks.execute(() -> listener.onError(closed));
    }
  }

  /** Lets go of the listener of the latest question: it is not called any more. */
  public void forget() {
    latest.incrementAndGet();
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

  private void work(long question, String text, Listener<A> listener) {
    if (question != latest.get()) {
      return;
    }
    Answer<A> answer = null;
    EdgebertException error = null;
    try {
      if (model == null) {
        model = loader.load();
      }
      answer = model.answer(text);
    } catch (EdgebertException failure) {
      error = failure;
    } catch (OutOfMemoryError failure) {
      closeModel();
      error =
          new EdgebertException(
              EdgebertException.Kind.OUT_OF_MEMORY, "there is not enough memory for the model; close other apps", failure);
    } catch (RuntimeException failure) {
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
          if (error == null) {
            listener.onAnswer(answer);
          } else {
            listener.onError(error);
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
