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
    worker.open(new Asking(state.view(), new ArrayList<>()));
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
    worker.open(new Asking(state.view(), new ArrayList<>()));
  }

  /** Asks for the answer to what is in the fields; those that the task does not have do not count. */
  void ask(List<String> fields) {
    TaskView view = state.view() == null ? TaskView.LABEL : state.view();
    update(state.in(ScreenState.Phase.RUNNING));
    new Asking(view, fields.subList(0, view.fields())).next();
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

  /** Hears of the answers to one question: one, or one for each text. */
  private final class Asking implements ModelWorker.Listener<Object> {
    private final TaskView view;
    private final List<String> texts;
    private final List<Answer<Object>> answers = new ArrayList<>();

    Asking(TaskView view, List<String> texts) {
      this.view = view;
      this.texts = texts;
    }

    void next() {
      if (view.asksEachText()) {
        worker.ask(this, texts.get(answers.size()));
      } else {
        worker.ask(this, texts.toArray(new String[0]));
      }
    }

    @Override
    public void onOpen() {
      update(state.in(ScreenState.Phase.READY));
    }

    @Override
    public void onAnswer(Answer<Object> answer) {
      answers.add(answer);
      if (view.asksEachText() && answers.size() < texts.size()) {
        next();
      } else {
        update(state.answered(new Question(view, texts, answers)));
      }
    }

    @Override
    public void onError(EdgebertException error) {
      update(state.failed(error));
    }
  }
}
