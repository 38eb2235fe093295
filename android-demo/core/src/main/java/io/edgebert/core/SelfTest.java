package io.edgebert.core;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** Checks that a model gives the answers here that it gave where it was made. */
public final class SelfTest {
  private static final int SHOWN = 40;

  private final List<String> problems = new ArrayList<>();
  private final double tolerance;
  private int texts;
  private double maxDifference;

  private SelfTest(double tolerance) {
    this.tolerance = tolerance;
  }

  /**
   * Runs every golden text.
   *
   * @param model the model
   * @param golden what must come out
   * @param tolerance largest difference of a logit that counts as the same model: that of the model file
   * @return what was found; look at {@link #passed()}
   * @throws EdgebertException the runtime failed
   */
  public static SelfTest run(TextModel<?> model, Golden golden, double tolerance) throws EdgebertException {
    SelfTest test = new SelfTest(tolerance);
    List<float[]> expected = new ArrayList<>();
    List<float[]> found = new ArrayList<>();
    for (Golden.Case item : golden.cases()) {
      test.texts++;
      Encoding encoding = model.tokenizer().encode(item.text());
      if (!test.compareIds(item, encoding.ids())) {
        // Other ids give other logits; saying so again would hide the reason.
        continue;
      }
      float[][] outputs = model.outputs(encoding);
      if (outputs.length != 1) {
        test.problems.add("the model has " + outputs.length + " outputs instead of 1");
        return test;
      }
      test.compareLogits(item, outputs[0]);
      expected.add(item.logits());
      found.add(outputs[0]);
    }
    // With coarse weights the tolerance can be wide enough for a file that answers every text alike.
    if (found.size() > 1 && allEqual(found) && !areCollapsed(expected)) {
      test.problems.add("the model gives the same logits for every text");
    }
    return test;
  }

  private boolean compareIds(Golden.Case item, int[] found) {
    int[] expected = item.inputIds();
    if (Arrays.equals(expected, found)) {
      return true;
    }
    int place = 0;
    while (place < Math.min(expected.length, found.length) && expected[place] == found[place]) {
      place++;
    }
    problems.add(
        "ids of " + quoted(item.text()) + " differ from place " + place + " on: "
            + at(found, place) + " instead of " + at(expected, place));
    return false;
  }

  private void compareLogits(Golden.Case item, float[] found) {
    float[] expected = item.logits();
    if (expected.length != found.length) {
      problems.add(quoted(item.text()) + " got " + found.length + " logits instead of " + expected.length);
      return;
    }
    double difference = 0;
    for (int index = 0; index < found.length; index++) {
      double one = Math.abs((double) found[index] - expected[index]);
      // A comparison with NaN is never true, so it is asked for.
      difference = Double.isNaN(one) ? Double.POSITIVE_INFINITY : Math.max(difference, one);
    }
    maxDifference = Math.max(maxDifference, difference);
    if (difference > tolerance) {
      problems.add(
          "logits of " + quoted(item.text()) + " are " + Arrays.toString(found) + " instead of "
              + Arrays.toString(expected) + ", which is more than " + tolerance + " apart");
    }
  }

  private static boolean allEqual(List<float[]> rows) {
    for (float[] row : rows) {
      if (!Arrays.equals(row, rows.get(0))) {
        return false;
      }
    }
    return true;
  }

  /** Tells whether the model itself answers every text alike, up to rounding in float32. */
  private static boolean areCollapsed(List<float[]> rows) {
    double spread = 0;
    double largest = 0;
    for (int label = 0; label < rows.get(0).length; label++) {
      double low = Double.POSITIVE_INFINITY;
      double high = Double.NEGATIVE_INFINITY;
      for (float[] row : rows) {
        low = Math.min(low, row[label]);
        high = Math.max(high, row[label]);
      }
      spread = Math.max(spread, high - low);
      largest = Math.max(largest, Math.max(-low, high));
    }
    return spread <= Math.max(1e-4, 2e-5 * largest);
  }

  private static String at(int[] ids, int place) {
    return place < ids.length ? String.valueOf(ids[place]) : "the end";
  }

  private static String quoted(String text) {
    int end = text.length();
    if (text.codePointCount(0, end) > SHOWN) {
      end = text.offsetByCodePoints(0, SHOWN);
    }
    return "\"" + text.substring(0, end) + (end < text.length() ? "..." : "") + "\"";
  }

  /** Returns whether nothing differs. */
  public boolean passed() {
    return problems.isEmpty();
  }

  /** Returns the number of texts that were run. */
  public int texts() {
    return texts;
  }

  /** Returns the largest difference of a logit that was seen. */
  public double maxDifference() {
    return maxDifference;
  }

  /** Returns what differs, in words, one sentence for each text. */
  public List<String> problems() {
    return Collections.unmodifiableList(problems);
  }

  /**
   * Refuses to go on if something differs.
   *
   * @throws EdgebertException something does; the message says what
   */
  public void check() throws EdgebertException {
    if (!passed()) {
      throw new EdgebertException(
          EdgebertException.Kind.SELF_TEST_FAILED,
          "the model does not give the answers it was made with (" + problems.size() + " of " + texts + " checks): "
              + problems.get(0));
    }
  }
}
