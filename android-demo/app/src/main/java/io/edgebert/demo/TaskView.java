package io.edgebert.demo;

import android.content.Context;
import io.edgebert.core.Answer;
import io.edgebert.core.Classification;
import io.edgebert.core.Entity;
import io.edgebert.core.LabelScores;
import io.edgebert.core.Span;
import io.edgebert.core.Task;
import io.edgebert.core.VectorDecoder;
import java.util.List;
import java.util.TreeSet;

/** What a task asks for, and how its answer looks: one row for each task, as on the web page. */
enum TaskView {
  /** One label. */
  LABEL(Task.TEXT_CLASSIFICATION, R.string.classify, R.string.text_label) {
    @Override
    AnswerLook look(Context context, List<String> texts, List<Answer<Object>> answers) {
      Classification value = (Classification) answers.get(0).value();
      String share = Numbers.share(value.probability());
      AnswerLook look = new AnswerLook(context.getString(R.string.answer, value.label(), share));
      look.spoken(context.getString(R.string.answer_spoken, value.label(), share));
      double[] probabilities = value.probabilities();
      for (int index = 0; index < probabilities.length; index++) {
        String words = context.getString(R.string.answer_line, value.labels().get(index), Numbers.share(probabilities[index]));
        look.bar(new Bar(words, probabilities[index], false));
      }
      return look;
    }
  },

  /** Any number of labels. */
  LABELS(Task.MULTI_LABEL_CLASSIFICATION, R.string.classify, R.string.text_label) {
    @Override
    AnswerLook look(Context context, List<String> texts, List<Answer<Object>> answers) {
      LabelScores value = (LabelScores) answers.get(0).value();
      StringBuilder names = new StringBuilder();
      for (String label : value.answered()) {
        names.append(names.length() == 0 ? "" : ", ").append(label);
      }
      AnswerLook look =
          new AnswerLook(names.length() == 0 ? context.getString(R.string.answer_no_label) : names.toString());
      double[] probabilities = value.probabilities();
      for (int index = 0; index < probabilities.length; index++) {
        String label = value.labels().get(index);
        String share = Numbers.share(probabilities[index]);
        String words =
            value.has(index)
                ? context.getString(R.string.answer_line, label, share)
                : context.getString(R.string.answer_low, label, share, Numbers.share(value.thresholds().get(index)));
        look.bar(new Bar(words, probabilities[index], !value.has(index)));
      }
      return look;
    }
  },

  /** A number. */
  NUMBER(Task.TEXT_REGRESSION, R.string.score, R.string.text_label) {
    @Override
    AnswerLook look(Context context, List<String> texts, List<Answer<Object>> answers) {
      return new AnswerLook(Numbers.value((Double) answers.get(0).value()));
    }
  },

  /** Entities, marked in the text. */
  ENTITIES(Task.TOKEN_CLASSIFICATION, R.string.find_entities, R.string.text_label) {
    @Override
    AnswerLook look(Context context, List<String> texts, List<Answer<Object>> answers) {
      List<?> entities = (List<?>) answers.get(0).value();
      TreeSet<String> types = new TreeSet<>();
      for (Object item : entities) {
        types.add(((Entity) item).type());
      }
      MarkedText marked = new MarkedText(context, texts.get(0));
      for (Object item : entities) {
        Entity entity = (Entity) item;
        String words = context.getString(R.string.answer_entity, entity.type(), Numbers.share(entity.score()));
        // Types take turns in their colours.
        marked.mark(entity.start(), entity.end(), types.headSet(entity.type()).size(), words);
      }
      String title =
          entities.isEmpty()
              ? context.getString(R.string.answer_no_entities)
              : context.getString(R.string.answer_entities, entities.size());
      return new AnswerLook(title).marked(marked.text());
    }
  },

  /** The answer to a question, marked in the context. */
  SPAN(Task.QUESTION_ANSWERING, R.string.answer_question, R.string.question_label, R.string.context_label) {
    @Override
    AnswerLook look(Context context, List<String> texts, List<Answer<Object>> answers) {
      Span span = (Span) answers.get(0).value();
      String share = Numbers.share(span.score());
      if (span.answer() == null) {
        String none = context.getString(R.string.answer_none);
        return new AnswerLook(span.score() > 0 ? context.getString(R.string.answer, none, share) : none);
      }
      MarkedText marked = new MarkedText(context, texts.get(1));
      marked.mark(span.start(), span.end(), 0, "");
      return new AnswerLook(context.getString(R.string.answer, span.answer(), share)).marked(marked.text());
    }
  },

  /** How alike two texts are. */
  SIMILARITY(Task.FEATURE_EXTRACTION, R.string.compare, R.string.first_label, R.string.second_label) {
    @Override
    AnswerLook look(Context context, List<String> texts, List<Answer<Object>> answers) {
      double cosine = VectorDecoder.cosine((float[]) answers.get(0).value(), (float[]) answers.get(1).value());
      String words = context.getString(R.string.answer_similarity, Numbers.value(cosine));
      return new AnswerLook(words).bar(new Bar(context.getString(R.string.answer_cosine), cosine, false));
    }
  };

  private final Task task;
  private final int verb;
  private final int[] fields;

  TaskView(Task task, int verb, int... fields) {
    this.task = task;
    this.verb = verb;
    this.fields = fields;
  }

  /** Returns the row of a task. */
  static TaskView of(Task task) {
    for (TaskView view : values()) {
      if (view.task == task) {
        return view;
      }
    }
    throw new IllegalArgumentException(task.manifestName());
  }

  /** Returns the words on the button. */
  int verb() {
    return verb;
  }

  /** Returns the name of a field, counted from 0. */
  int field(int place) {
    return fields[place];
  }

  /** Returns how many fields there are: 1 or 2. */
  int fields() {
    return fields.length;
  }

  /** Returns whether each text has an answer of its own. */
  boolean asksEachText() {
    return fields.length > task.texts();
  }

  /** Returns what the screen shows for the answer to texts. */
  abstract AnswerLook look(Context context, List<String> texts, List<Answer<Object>> answers);
}
