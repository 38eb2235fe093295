package io.edgebert.demo;

import android.content.Context;
import android.os.Handler;
import android.os.Looper;
import io.edgebert.core.Answer;
import io.edgebert.core.Artifact;
import io.edgebert.core.Bundle;
import io.edgebert.core.EdgebertException;
import io.edgebert.core.ModelWorker;
import io.edgebert.core.TextModel;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * What outlives a screen that is turned: the open model and the latest state. Used on the thread that draws, which it
 * never holds up; the model has a thread of its own.
 */
final class Session {
  /** Shows states. */
  interface Screen {
    /** Called on the thread that draws, at once and after each change. */
    void show(ScreenState state);
  }

  private final Models models;
  private final Handler drawing = new Handler(Looper.getMainLooper());
  private final ModelWorker<Object> worker = new ModelWorker<>(this::load, drawing::post);

  // Read by the thread of the model.
  private volatile Choice choice = Choice.USUAL;

  private ScreenState state = ScreenState.opening(Choice.USUAL);
  private Screen screen;

  Session(Context context) {
    models = new Models(context);
    worker.open(new Asking(Collections.emptyList()));
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
    worker.open(new Asking(Collections.emptyList()));
  }

  /** Asks for the answer to what is in the fields; those that the task does not have do not count. */
  void ask(List<String> fields) {
    update(state.in(ScreenState.Phase.RUNNING));
    Asking asking = new Asking(fields);
    if (state.view() == null) {
      // Which fields count is known once the bundle is read.
      worker.open(asking);
    } else {
      asking.next();
    }
  }

  /** Frees the memory of the model; the next text opens it again. */
  void releaseMemory() {
    worker.release();
  }

  /** Closes the model for good. */
  void close() {
    worker.close();
  }

  private void update(ScreenState next) {
    state = next;
    if (screen != null) {
      screen.show(state);
    }
  }

  /** Runs on the thread of the model. */
  private TextModel<Object> load() throws EdgebertException {
    Choice wanted = choice;
    Bundle bundle = models.bundle();
    List<Artifact> offered = models.offered(bundle);
    TaskView view = TaskView.of(bundle.manifest().task());
    drawing.post(() -> update(state.offering(offered, view)));
    Artifact artifact = wanted.file() == null ? offered.get(0) : bundle.manifest().artifact(wanted.file());
    return models.open(bundle, artifact, wanted.threads());
  }

  /** Hears that the model is open, and of the answers to one question: one, or one for each text. */
  private final class Asking implements ModelWorker.Listener<Object> {
    private final List<String> fields;
    private final List<Answer<Object>> answers = new ArrayList<>();

    /**
     * Makes a listener.
     *
     * @param fields what is in the fields; nothing if the model is only to be opened
     */
    Asking(List<String> fields) {
      this.fields = fields;
    }

    void next() {
      List<String> texts = fields.subList(0, state.view().fields());
      if (state.view().asksEachText()) {
        worker.ask(this, texts.get(answers.size()));
      } else {
        worker.ask(this, texts.toArray(new String[0]));
      }
    }

    @Override
    public void onOpen() {
      if (fields.isEmpty()) {
        update(state.in(ScreenState.Phase.READY));
      } else {
        next();
      }
    }

    @Override
    public void onAnswer(Answer<Object> answer) {
      TaskView view = state.view();
      answers.add(answer);
      if (view.asksEachText() && answers.size() < view.fields()) {
        next();
      } else {
        update(state.answered(new Question(view, fields.subList(0, view.fields()), answers)));
      }
    }

    @Override
    public void onError(EdgebertException error) {
      update(state.failed(error));
    }
  }
}
