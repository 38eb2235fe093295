package io.edgebert.core;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** Makes entities of the logits of tokens, as the Hub's pipeline does. */
public final class EntityDecoder implements Decoder<List<Entity>> {
  private final List<String> labels;
  private final List<Tag> tags;
  private final TaskSettings.Aggregation aggregation;

  /**
   * Makes a decoder.
   *
   * @param labels label names in the order of the logits
   * @param aggregation how the tokens of a word agree on one label
   */
  public EntityDecoder(List<String> labels, TaskSettings.Aggregation aggregation) {
    this.labels = Collections.unmodifiableList(new ArrayList<>(labels));
    this.aggregation = aggregation;
    tags = Tag.of(labels);
  }

  @Override
  public List<Entity> decode(List<String> texts, List<Encoding> windows, List<Outputs> outputs) throws EdgebertException {
    Encoding encoding = windows.get(0);
    double[][] probabilities = probabilities(encoding, outputs.get(0));
    List<Part> parts = new ArrayList<>();
    for (int token = 0; token < encoding.size(); token++) {
      if (encoding.sequence(token) != Encoding.NONE) {
        int end = token + 1;
        while (aggregation != TaskSettings.Aggregation.SIMPLE && encoding.word(end) == encoding.word(token)) {
          end++;
        }
        double[] agreed = agreed(Arrays.asList(probabilities).subList(token, end));
        int best = best(agreed);
        parts.add(new Part(tags.get(best), agreed[best], encoding.start(token), encoding.end(end - 1)));
        token = end - 1;
      }
    }
    return entities(texts.get(0), parts);
  }

  private double[][] probabilities(Encoding encoding, Outputs outputs) throws EdgebertException {
    float[] logits = outputs.finite("logits");
    if (logits.length != encoding.size() * labels.size()) {
      throw new EdgebertException(
          EdgebertException.Kind.LABEL_MISMATCH,
          "the model gives " + logits.length + " logits for " + encoding.size() + " tokens, but the manifest has "
              + labels.size() + " labels");
    }
    double[][] probabilities = new double[encoding.size()][];
    for (int token = 0; token < probabilities.length; token++) {
      probabilities[token] =
          LabelDecoder.softmax(Arrays.copyOfRange(logits, token * labels.size(), (token + 1) * labels.size()));
    }
    return probabilities;
  }

  /** Returns the probabilities that the tokens of a word agree on. */
  private double[] agreed(List<double[]> tokens) {
    double[] first = tokens.get(0);
    switch (aggregation) {
      case AVERAGE:
        double[] mean = new double[first.length];
        for (double[] token : tokens) {
          for (int label = 0; label < mean.length; label++) {
            mean[label] += token[label] / tokens.size();
          }
        }
        return mean;
      case MAX:
        double[] surest = first;
        for (double[] token : tokens) {
          if (token[best(token)] > surest[best(surest)]) {
            surest = token;
          }
        }
        return surest;
      default:
        return first;
    }
  }

  private static int best(double[] probabilities) {
    int best = 0;
    for (int label = 1; label < probabilities.length; label++) {
      if (probabilities[label] > probabilities[best]) {
        best = label;
      }
    }
    return best;
  }

  private static List<Entity> entities(String text, List<Part> parts) {
    List<Entity> entities = new ArrayList<>();
    int from = 0;
    for (int index = 1; index <= parts.size(); index++) {
      if (index < parts.size() && parts.get(index).tag.continues(parts.get(index - 1).tag)) {
        continue;
      }
      Part first = parts.get(from);
      int end = parts.get(index - 1).end;
      if (first.tag.isEntity()) {
        double sum = 0;
        for (Part part : parts.subList(from, index)) {
          sum += part.score;
        }
        String part = text.substring(first.start, end);
        entities.add(new Entity(part, first.tag.type, first.start, end, sum / (index - from)));
      }
      from = index;
    }
    return Collections.unmodifiableList(entities);
  }

  /** A token, or a word whose tokens agreed. */
  private static final class Part {
    final Tag tag;
    final double score;
    final int start;
    final int end;

    Part(Tag tag, double score, int start, int end) {
      this.tag = tag;
      this.score = score;
      this.start = start;
      this.end = end;
    }
  }
}
