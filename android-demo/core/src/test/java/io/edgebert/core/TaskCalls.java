package io.edgebert.core;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Calls of the driver that make answers of any task from outputs that are given. */
final class TaskCalls {
  private final WordPieceTokenizer tokenizer;

  TaskCalls(WordPieceTokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  /** Returns what the answer to each of a list of texts or pairs is, where a model puts out these numbers. */
  List<Object> decode(JsonObject call) throws EdgebertException {
    Task task = Task.named(call.string("task"));
    List<String> labels = call.strings("labels");
    TaskSettings settings = TaskSettings.read(call.object("settings"), task, labels.size());
    List<TensorSpec> outputs = new ArrayList<>();
    for (String name : task.outputs()) {
      boolean flat = task == Task.QUESTION_ANSWERING;
      outputs.add(new TensorSpec(name, flat || !task.perToken() ? Arrays.asList(null, null) : Arrays.asList(null, null, 2)));
    }
    List<Object> answers = new ArrayList<>();
    for (JsonObject item : call.objects("items")) {
      ScriptedBackend backend = new ScriptedBackend(Driver.script(item));
      Decoder<?> decoder = TextModel.decoder(task, labels, settings);
      TextModel<Object> model =
          new TextModel<>(tokenizer, task, settings, call.integers("lengths"), outputs, backend, decoder);
      answers.add(plain(model.answer(item.strings("texts").toArray(new String[0])).value()));
    }
    return answers;
  }

  /** Returns what a bundle answers to each of a list of texts or pairs; for one that it refuses, the kind of the error. */
  static List<Object> answers(TextModel<?> model, List<JsonObject> items) throws EdgebertException {
    List<Object> answers = new ArrayList<>();
    for (JsonObject item : items) {
      try {
        answers.add(plain(model.answer(item.strings("texts").toArray(new String[0])).value()));
      } catch (EdgebertException error) {
        answers.add(error.kind().name());
      }
    }
    return answers;
  }

  /** Returns an answer as JSON has it; both languages have the same keys. */
  static Object plain(Object value) {
    Map<String, Object> plain = new LinkedHashMap<>();
    if (value instanceof Classification) {
      plain.put("label", ((Classification) value).label());
    } else if (value instanceof LabelScores) {
      LabelScores scores = (LabelScores) value;
      Map<String, Object> probabilities = new LinkedHashMap<>();
      for (int index = 0; index < scores.labels().size(); index++) {
        probabilities.put(scores.labels().get(index), scores.probabilities()[index]);
      }
      plain.put("labels", scores.answered());
      plain.put("probabilities", probabilities);
    } else if (value instanceof Span) {
      Span span = (Span) value;
      plain.put("answer", span.answer());
      plain.put("start", span.start());
      plain.put("end", span.end());
      plain.put("score", span.score());
    } else if (value instanceof Double) {
      plain.put("value", value);
    } else if (value instanceof float[]) {
      plain.put("vector", Driver.list((float[]) value));
    } else {
      List<Object> entities = new ArrayList<>();
      for (Object item : (List<?>) value) {
        Entity entity = (Entity) item;
        entities.add(Arrays.asList(entity.text(), entity.type(), entity.start(), entity.end(), entity.score()));
      }
      plain.put("entities", entities);
    }
    return plain;
  }
}
