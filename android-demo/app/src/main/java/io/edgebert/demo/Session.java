package io.edgebert.demo;

import android.content.Context;
import android.os.Handler;
import android.os.Looper;
import io.edgebert.core.Answer;
import io.edgebert.core.Artifact;
import io.edgebert.core.Bundle;
import io.edgebert.core.Classification;
import io.edgebert.core.EdgebertException;
import io.edgebert.core.ModelWorker;
import io.edgebert.core.TextModel;
import java.util.List;

/**
 * What outlives a screen that is turned: the open model and the latest state. Used on the thread that draws, which it
 * never holds up; the model has a thread of its own.
 */
final class Session implements ModelWorker.Listener<Classification> {
  /** Shows states. */
  interface Screen {
    /** Called on the thread that draws, at once and after each change. */
    void show(ScreenState state);
  }

  private final Models models;
  private final Handler drawing = new Handler(Looper.getMainLooper());
  private final ModelWorker<Classification> worker = new ModelWorker<>(this::load, drawing::post);

  // Read by the thread of the model.
  private volatile Choice choice = Choice.USUAL;

  private ScreenState state = ScreenState.opening(Choice.USUAL);
  private Screen screen;

  Session(Context context) {
    models = new Models(context);
    worker.open(this);
  }

  /** Shows the state on a screen, now and from now on. */
  void attach(Screen next) {
    screen = next;
    screen.show(state);
  }

  /** Forgets the screen; what happens meanwhile is shown to the next one. */
  void detach() {
    screen = null;
  }

  /** Opens another model file, or the same with another number of threads. */
  void choose(Choice next) {
    if (next.isSame(choice)) {
      return;
    }
    choice = next;
    update(state.reopening(next));
    worker.release();
    worker.open(this);
  }

  /** Asks for the label of a text. */
  void ask(String text) {
    update(state.in(ScreenState.Phase.RUNNING));
    worker.ask(text, this);
  }

  /** Frees the memory of the model; the next text opens it again. */
  void releaseMemory() {
    worker.release();
  }

  /** Closes the model for good. */
  void close() {
    worker.close();
  }

  @Override
  public void onOpen() {
    update(state.in(ScreenState.Phase.READY));
  }

  @Override
  public void onAnswer(Answer<Classification> answer) {
    update(state.answered(answer));
  }

  @Override
  public void onError(EdgebertException error) {
    update(state.failed(error));
  }

  private void update(ScreenState next) {
    state = next;
    if (screen != null) {
      screen.show(state);
    }
  }

  /** Runs on the thread of the model. */
  private TextModel<Classification> load() throws EdgebertException {
    Choice wanted = choice;
    Bundle bundle = models.bundle();
    List<Artifact> offered = models.offered(bundle);
    drawing.post(() -> update(state.offering(offered)));
    Artifact artifact = wanted.file() == null ? offered.get(0) : bundle.manifest().artifact(wanted.file());
    return models.open(bundle, artifact, wanted.threads());
  }
}
