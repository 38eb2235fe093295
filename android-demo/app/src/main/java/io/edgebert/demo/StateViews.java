package io.edgebert.demo;

import android.app.Activity;
import android.content.Context;
import android.view.View;
import android.widget.ProgressBar;
import android.widget.TextView;
import io.edgebert.core.Answer;
import io.edgebert.core.Classification;
import java.text.NumberFormat;
import java.util.List;

/** The part of the screen that shows a state. */
final class StateViews {
  private static final int BAR = 1000;

  private final Context context;
  private final TextView status;
  private final View answer;
  private final TextView label;
  private final ProgressBar probability;
  private final TextView labels;
  private final TextView details;

  StateViews(Activity screen) {
    context = screen;
    status = screen.findViewById(R.id.status);
    answer = screen.findViewById(R.id.answer);
    label = screen.findViewById(R.id.label);
    probability = screen.findViewById(R.id.probability);
    labels = screen.findViewById(R.id.labels);
    details = screen.findViewById(R.id.details);
  }

  void show(ScreenState state) {
    showStatus(state);
    answer.setVisibility(state.answer() == null ? View.GONE : View.VISIBLE);
    if (state.answer() != null) {
      showAnswer(state.answer());
    }
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
      message = state.answer() == null ? context.getString(R.string.status_ready) : "";
    }
    // Setting the same words again would make a screen reader say them again.
    if (!message.contentEquals(status.getText())) {
      status.setText(message);
    }
    status.setVisibility(message.isEmpty() ? View.GONE : View.VISIBLE);
  }

  private void showAnswer(Answer<Classification> latest) {
    Classification value = latest.value();
    String share = percent(value.probability());
    label.setText(context.getString(R.string.answer, value.label(), share));
    label.setContentDescription(context.getString(R.string.answer_spoken, value.label(), share));
    probability.setProgress((int) Math.round(value.probability() * BAR));
    probability.setContentDescription(context.getString(R.string.answer_bar, share));
    labels.setText(lines(value));
    details.setText(details(latest));
  }

  private String lines(Classification value) {
    StringBuilder lines = new StringBuilder();
    List<String> names = value.labels();
    double[] probabilities = value.probabilities();
    for (int index = 0; index < probabilities.length; index++) {
      lines.append(index == 0 ? "" : "\n");
      lines.append(context.getString(R.string.answer_line, names.get(index), percent(probabilities[index])));
    }
    return lines.toString();
  }

  private String details(Answer<Classification> latest) {
    String text =
        context.getString(R.string.answer_time, Numbers.milliseconds(latest.runNs()), Numbers.milliseconds(latest.tokenizeNs()))
            + "\n"
            + context.getString(R.string.answer_length, latest.encoding().size(), latest.length());
    return latest.encoding().truncated() ? text + "\n" + context.getString(R.string.answer_truncated) : text;
  }

  private static String percent(double share) {
    NumberFormat format = NumberFormat.getPercentInstance();
    format.setMaximumFractionDigits(1);
    return format.format(share);
  }
}
