package io.edgebert.demo;

import io.edgebert.core.Artifact;
import io.edgebert.core.EdgebertException;
import java.util.Collections;
import java.util.List;

/** All that the screen shows, apart from the texts. */
final class ScreenState {
  /** What the model is doing. */
  enum Phase {
    /** It is being opened, and tested if it was not before. */
    OPENING,
    /** It waits for a question. */
    READY,
    /** It has a question to answer. */
    RUNNING,
    /** Something went wrong. */
    FAILED
  }

  private final Phase phase;
  private final Choice choice;
  private final List<Artifact> offered;
  private final TaskView view;
  private final Question answered;
  private final EdgebertException error;

  private ScreenState(
      Phase phase,
      Choice choice,
      List<Artifact> offered,
      TaskView view,
      Question answered,
      EdgebertException error) {
    this.phase = phase;
    this.choice = choice;
    this.offered = offered;
    this.view = view;
    this.answered = answered;
    this.error = error;
  }

  /** Returns the state before anything is known. */
  static ScreenState opening(Choice choice) {
    return new ScreenState(Phase.OPENING, choice, Collections.emptyList(), null, null, null);
  }

  /** Returns the state once it is known which model files there are, and what they do. */
  ScreenState offering(List<Artifact> files, TaskView look) {
    return new ScreenState(phase, choice, Collections.unmodifiableList(files), look, answered, error);
  }

  /** Returns the state while another model is opened: answers of the last one are gone. */
  ScreenState reopening(Choice other) {
    return new ScreenState(Phase.OPENING, other, offered, view, null, null);
  }

  /** Returns the state in another phase, with the last answer still there. */
  ScreenState in(Phase next) {
    return new ScreenState(next, choice, offered, view, answered, null);
  }

  /** Returns the state with a new answer. */
  ScreenState answered(Question latest) {
    return new ScreenState(Phase.READY, choice, offered, view, latest, null);
  }

  /** Returns the state after a failure: an answer to another question must not stand beside it. */
  ScreenState failed(EdgebertException failure) {
    return new ScreenState(Phase.FAILED, choice, offered, view, null, failure);
  }

  Phase phase() {
    return phase;
  }

  Choice choice() {
    return choice;
  }

  /** Returns the model files to choose from; empty until they are known. */
  List<Artifact> offered() {
    return offered;
  }

  /** Returns how the task asks and answers; null until it is known. */
  TaskView view() {
    return view;
  }

  /** Returns the latest question that was answered, or null. */
  Question answered() {
    return answered;
  }

  /** Returns what went wrong, or null. */
  EdgebertException error() {
    return error;
  }
}
