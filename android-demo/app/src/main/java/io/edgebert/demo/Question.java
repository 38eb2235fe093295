package io.edgebert.demo;

import io.edgebert.core.Answer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** The texts that were asked about, and what the model answered. */
final class Question {
  private final TaskView view;
  private final List<String> texts;
  private final List<Answer<Object>> answers;

  Question(TaskView view, List<String> texts, List<Answer<Object>> answers) {
    this.view = view;
    this.texts = Collections.unmodifiableList(new ArrayList<>(texts));
    this.answers = Collections.unmodifiableList(new ArrayList<>(answers));
  }

  TaskView view() {
    return view;
  }

  /** Returns the texts in the order of the fields. */
  List<String> texts() {
    return texts;
  }

  /** Returns the answer; several where each text has its own. */
  List<Answer<Object>> answers() {
    return answers;
  }
}
