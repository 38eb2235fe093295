package io.edgebert.demo;

import io.edgebert.core.Answer;
import io.edgebert.core.Artifact;
import io.edgebert.core.Classification;
import io.edgebert.core.EdgebertException;
import java.util.Collections;
import java.util.List;

/** All that the screen shows, apart from the text. */
final class ScreenState {
  /** What the model is doing. */
  enum Phase {
    /** It is being opened, and tested if it was not before. */
    OPENING,
    /** It waits for a text. */
    READY,
    /** It has a text to answer. */
    RUNNING,
    /** Something went wrong. */
    FAILED
  }

  private final Phase phase;
  private final Choice choice;
  private final List<Artifact> offered;
  private final Answer<Classification> answer;
  private final EdgebertException error;

  private ScreenState(
      Phase phase,
      Choice choice,
      List<Artifact> offered,
      Answer<Classification> answer,
      EdgebertException error) {
    this.phase = phase;
    this.choice = choice;
    this.offered = offered;
    this.answer = answer;
    this.error = error;
  }

  /** Returns the state before anything is known. */
  static ScreenState opening(Choice choice) {
    return new ScreenState(Phase.OPENING, choice, Collections.emptyList(), null, null);
  }

  /** Returns the state once it is known which model files there are. */
  ScreenState offering(List<Artifact> files) {
    return new ScreenState(phase, choice, Collections.unmodifiableList(files), answer, error);
  }

  /** Returns the state while another model is opened: answers of the last one are gone. */
  ScreenState reopening(Choice other) {
    return new ScreenState(Phase.OPENING, other, offered, null, null);
  }

  /** Returns the state in another phase, with the last answer still there. */
  ScreenState in(Phase next) {
    return new ScreenState(next, choice, offered, answer, null);
  }

  /** Returns the state with a new answer. */
  ScreenState answered(Answer<Classification> latest) {
    return new ScreenState(Phase.READY, choice, offered, latest, null);
  }

  /** Returns the state after a failure: an answer to another text must not stand beside it. */
  ScreenState failed(EdgebertException failure) {
    return new ScreenState(Phase.FAILED, choice, offered, null, failure);
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

  /** Returns the latest answer, or null. */
  Answer<Classification> answer() {
    return answer;
  }

  /** Returns what went wrong, or null. */
  EdgebertException error() {
    return error;
  }
}
