package io.edgebert.core;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Finds the part of a context that answers a question, as the Hub's pipeline does. */
public final class SpanDecoder implements Decoder<Span> {
  /** Most tokens of an answer. */
  static final int LONGEST = 15;

  /** Candidates of a window that may add up to an answer. */
  static final int CANDIDATES = 12;

  private final boolean noAnswer;

  /**
   * Makes a decoder.
   *
   * @param noAnswer whether the model may say that nothing in the context is an answer
   */
  public SpanDecoder(boolean noAnswer) {
    this.noAnswer = noAnswer;
  }

  @Override
  public Span decode(List<String> texts, List<Encoding> windows, List<Outputs> outputs) throws EdgebertException {
    String context = texts.get(1);
    List<Candidate> answers = new ArrayList<>();
    double none = Double.POSITIVE_INFINITY;
    for (int window = 0; window < windows.size(); window++) {
      Encoding encoding = windows.get(window);
      double[] starts = probabilities(encoding, outputs.get(window), "start_logits");
      double[] ends = probabilities(encoding, outputs.get(window), "end_logits");
      none = Math.min(none, starts[0] * ends[0]);
      for (Candidate candidate : best(encoding, starts, ends)) {
        merge(answers, candidate.toWords(encoding, context));
      }
    }
    Candidate best = null;
    for (Candidate answer : answers) {
      if (best == null || answer.score > best.score) {
        best = answer;
      }
    }
    if (best == null || (noAnswer && none > best.score)) {
      return new Span(null, 0, 0, noAnswer ? none : 0);
    }
    return new Span(context.substring(best.from, best.to), best.from, best.to, best.score);
  }

  /** Returns the probability of each token of the context, and of the first token, which stands for no answer. */
  private static double[] probabilities(Encoding encoding, Outputs outputs, String name) throws EdgebertException {
    float[] logits = outputs.finite(name);
    if (logits.length != encoding.size()) {
      throw new EdgebertException(
          EdgebertException.Kind.LABEL_MISMATCH,
          "the model gives " + logits.length + " numbers in " + name + " for " + encoding.size() + " tokens");
    }
    double greatest = logits[0];
    for (int token = 0; token < logits.length; token++) {
      greatest = encoding.sequence(token) == 1 ? Math.max(greatest, logits[token]) : greatest;
    }
    double[] probabilities = new double[logits.length];
    double sum = 0;
    for (int token = 0; token < logits.length; token++) {
      if (token == 0 || encoding.sequence(token) == 1) {
        probabilities[token] = Math.exp(logits[token] - greatest);
        sum += probabilities[token];
      }
    }
    for (int token = 0; token < logits.length; token++) {
      probabilities[token] /= sum;
    }
    return probabilities;
  }

  /** Returns the most probable answers in a window, best first. */
  private static List<Candidate> best(Encoding encoding, double[] starts, double[] ends) {
    List<Candidate> best = new ArrayList<>();
    for (int start = 0; start < starts.length; start++) {
      if (encoding.sequence(start) != 1) {
        continue;
      }
      for (int end = start; end < starts.length && end < start + LONGEST && encoding.sequence(end) == 1; end++) {
        double score = starts[start] * ends[end];
        if (best.size() < CANDIDATES || score > best.get(CANDIDATES - 1).score) {
          int place = best.size();
          while (place > 0 && best.get(place - 1).score < score) {
            place--;
          }
          best.add(place, new Candidate(start, end, score, null));
          if (best.size() > CANDIDATES) {
            best.remove(CANDIDATES);
          }
        }
      }
    }
    return Collections.unmodifiableList(best);
  }

  /** Adds an answer, to the score of the one with the same words if there is one. */
  private static void merge(List<Candidate> answers, Candidate answer) {
    for (Candidate other : answers) {
      if (other.words.equals(answer.words)) {
        other.score += answer.score;
        return;
      }
    }
    answers.add(answer);
  }

  /** A range: of the tokens of a window, or of the context. */
  private static final class Candidate {
    final int from;
    final int to;
    final String words;
    double score;

    Candidate(int from, int to, double score, String words) {
      this.from = from;
      this.to = to;
      this.score = score;
      this.words = words;
    }

    /** Returns the range of the context with the whole words, as far as the window has them. */
    Candidate toWords(Encoding encoding, String context) {
      int first = from;
      while (encoding.sequence(first - 1) == 1 && encoding.word(first - 1) == encoding.word(from)) {
        first--;
      }
      int last = to;
      while (encoding.sequence(last + 1) == 1 && encoding.word(last + 1) == encoding.word(to)) {
        last++;
      }
      int start = encoding.start(first);
      int end = encoding.end(last);
      return new Candidate(start, end, score, Characters.lowerCase(context.substring(start, end)));
    }
  }
}
