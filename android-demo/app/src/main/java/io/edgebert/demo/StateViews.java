package io.edgebert.demo;

import android.app.Activity;
import android.content.Context;
import android.view.View;
import android.widget.LinearLayout;
import android.widget.ProgressBar;
import android.widget.TextView;
import io.edgebert.core.Answer;
import io.edgebert.core.Encoding;

/** The part of the screen that shows a state. */
final class StateViews {
  private static final int BAR = 1000;

  private final Context context;
  private final TextView status;
  private final TextView[] names;
  private final View pair;
  private final TextView ask;
  private final View answer;
  private final TextView title;
  private final LinearLayout bars;
  private final TextView marked;
  private final TextView details;

  StateViews(Activity screen) {
    context = screen;
    status = screen.findViewById(R.id.status);
    names = new TextView[] {screen.findViewById(R.id.text_name), screen.findViewById(R.id.second_name)};
    pair = screen.findViewById(R.id.pair);
    ask = screen.findViewById(R.id.ask);
    answer = screen.findViewById(R.id.answer);
    title = screen.findViewById(R.id.title);
    bars = screen.findViewById(R.id.bars);
    marked = screen.findViewById(R.id.marked);
    details = screen.findViewById(R.id.details);
  }

  void show(ScreenState state) {
    if (state.view() != null) {
      showFields(state.view());
    }
    showStatus(state);
    answer.setVisibility(state.answered() == null ? View.GONE : View.VISIBLE);
    if (state.answered() != null) {
      showAnswer(state.answered());
    }
  }

  private void showFields(TaskView view) {
    for (int place = 0; place < view.fields(); place++) {
      names[place].setText(context.getString(view.field(place)));
    }
    pair.setVisibility(view.fields() > 1 ? View.VISIBLE : View.GONE);
    ask.setText(context.getString(view.verb()));
  }

  private void showStatus(ScreenState state) {
    status.setTextColor(context.getColor(state.error() == null ? R.color.quiet : R.color.error));
    String message;
    if (state.error() != null) {
      message = Messages.of(context, state.error());
    } else if (state.phase() == ScreenState.Phase.OPENING) {
      message = context.getString(R.string.status_opening);
    } else if (state.phase() == ScreenState.Phase.RUNNING) {
      message = context.getString(R.string.status_running);
    } else {
      message = state.answered() == null ? context.getString(R.string.status_ready) : "";
    }
    // Setting the same words again would make a screen reader say them again.
    if (!message.contentEquals(status.getText())) {
      status.setText(message);
    }
    status.setVisibility(message.isEmpty() ? View.GONE : View.VISIBLE);
  }

  private void showAnswer(Question question) {
    AnswerLook look = question.view().look(context, question.texts(), question.answers());
    title.setText(look.title());
    title.setContentDescription(look.spoken());
    bars.removeAllViews();
    for (Bar bar : look.bars()) {
      addBar(bar);
    }
    marked.setText(look.marked());
    marked.setVisibility(look.marked().length() == 0 ? View.GONE : View.VISIBLE);
    String more = look.more() == 0 ? "" : context.getString(R.string.answer_more, look.more()) + "\n";
    details.setText(more + details(question));
  }

  private void addBar(Bar bar) {
    TextView words = new TextView(context);
    words.setTextAppearance(R.style.Body);
    words.setTextColor(context.getColor(bar.low() ? R.color.quiet : R.color.text));
    words.setText(bar.words());
    bars.addView(words);
    ProgressBar line = new ProgressBar(context, null, android.R.attr.progressBarStyleHorizontal);
    line.setMax(BAR);
    line.setProgress((int) Math.round(Math.max(0, bar.share()) * BAR));
    // The words above it say the same.
    line.setImportantForAccessibility(View.IMPORTANT_FOR_ACCESSIBILITY_NO);
    bars.addView(line);
  }

  private String details(Question question) {
    long tokenizeNs = 0;
    long runNs = 0;
    int inputs = 0;
    int tokens = 0;
    int length = 0;
    boolean truncated = false;
    for (Answer<Object> each : question.answers()) {
      tokenizeNs += each.tokenizeNs();
      runNs += each.runNs();
      length = Math.max(length, each.length());
      truncated |= each.encoding().truncated();
      for (Encoding window : each.windows()) {
        inputs++;
        tokens += window.size();
      }
    }
    StringBuilder text = new StringBuilder();
    text.append(context.getString(R.string.answer_time, Numbers.milliseconds(runNs), Numbers.milliseconds(tokenizeNs)));
    text.append("\n").append(context.getString(R.string.answer_length, tokens, length));
    if (inputs > 1) {
      text.append("\n").append(context.getString(R.string.answer_inputs, inputs));
    }
    if (truncated) {
      boolean isQuestion = question.view() == TaskView.SPAN;
      int words = isQuestion ? R.string.answer_question_truncated : R.string.answer_truncated;
      text.append("\n").append(context.getString(words));
    }
    return text.toString();
  }
}
