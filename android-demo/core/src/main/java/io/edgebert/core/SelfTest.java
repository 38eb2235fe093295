package io.edgebert.core;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Checks that a model gives the answers here that it gave where it was made. */
public final class SelfTest {
  private static final int SHOWN = 40;
  private static final int SHOWN_NUMBERS = 8;

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
   * @param tolerance largest difference of a number that counts as the same model: that of the model file
   * @return what was found; look at {@link #passed()}
   * @throws EdgebertException the runtime failed
   */
  public static SelfTest run(TextModel<?> model, Golden golden, double tolerance) throws EdgebertException {
    SelfTest test = new SelfTest(tolerance);
    Map<String, List<float[]>> expected = new LinkedHashMap<>();
    Map<String, List<float[]>> found = new LinkedHashMap<>();
    for (Golden.Case item : golden.cases()) {
      test.texts++;
      List<Encoding> windows = model.windows(item.texts());
      if (windows.size() != item.windows().size()) {
        test.problems.add(
            quoted(item) + " is read in " + windows.size() + " windows instead of " + item.windows().size());
        continue;
      }
      for (int index = 0; index < windows.size(); index++) {
        Golden.Window window = item.windows().get(index);
        // Other ids give other outputs; saying so again would hide the reason.
        if (test.compareIds(item, window, windows.get(index)) && test.compareOffsets(item, window, windows.get(index))) {
          Outputs outputs = model.outputs(windows.get(index));
          for (String name : model.task().outputs()) {
            if (!window.outputs().containsKey(name)) {
              test.problems.add("the golden texts have no " + name);
              return test;
            }
          }
          if (!test.compareOutputs(item, window, outputs)) {
            return test;
          }
          for (Map.Entry<String, float[]> output : window.outputs().entrySet()) {
            collect(expected, output.getKey(), output.getValue());
            collect(found, output.getKey(), outputs.values(output.getKey()));
          }
        }
      }
    }
    // With coarse weights the tolerance can be wide enough for a file that answers every text alike.
    if (areAlike(found) && !areCollapsed(expected)) {
      test.problems.add("the model gives the same " + Outputs.joined(" and ", found.keySet()) + " for every text");
    }
    return test;
  }

  private static void collect(Map<String, List<float[]>> outputs, String name, float[] values) {
    List<float[]> rows = outputs.get(name);
    if (rows == null) {
      rows = new ArrayList<>();
      outputs.put(name, rows);
    }
    rows.add(values);
  }

  private boolean compareIds(Golden.Case item, Golden.Window window, Encoding encoding) {
    int[] expected = window.inputIds();
    int[] found = encoding.ids();
    if (Arrays.equals(expected, found)) {
      return true;
    }
    int place = 0;
    while (place < Math.min(expected.length, found.length) && expected[place] == found[place]) {
      place++;
    }
    problems.add(
        "ids of " + quoted(item) + " differ from place " + place + " on: "
            + at(found, place) + " instead of " + at(expected, place));
    return false;
  }

  private boolean compareOffsets(Golden.Case item, Golden.Window window, Encoding encoding) {
    List<int[]> expected = window.offsets();
    if (expected == null) {
      return true;
    }
    for (int token = 0; token < Math.max(expected.size(), encoding.size()); token++) {
      int[] wanted = token < expected.size() ? expected.get(token) : new int[0];
      int[] found = token < encoding.size()
          ? new int[] {encoding.startCodePoint(token), encoding.endCodePoint(token)} : new int[0];
      if (!Arrays.equals(wanted, found)) {
        problems.add(
            "offsets of " + quoted(item) + " differ at place " + token + ": "
                + Arrays.toString(found) + " instead of " + Arrays.toString(wanted));
        return false;
      }
    }
    return true;
  }

  /** Compares all outputs of an input; returns whether they have the same names. */
  private boolean compareOutputs(Golden.Case item, Golden.Window window, Outputs found) throws EdgebertException {
    for (Map.Entry<String, float[]> expected : window.outputs().entrySet()) {
      if (!found.names().contains(expected.getKey())) {
        problems.add("the model has no output " + expected.getKey() + "; it has " + Outputs.joined(", ", found.names()));
        return false;
      }
      compareOutput(item, expected.getKey(), expected.getValue(), found.values(expected.getKey()));
    }
    return true;
  }

  private void compareOutput(Golden.Case item, String name, float[] expected, float[] found) {
    if (expected.length != found.length) {
      problems.add(quoted(item) + " got " + found.length + " " + name + " instead of " + expected.length);
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
          name + " of " + quoted(item) + " are " + listed(found) + " instead of " + listed(expected)
              + ", which is more than " + tolerance + " apart");
    }
  }

  private static String listed(float[] numbers) {
    String shown = Arrays.toString(Arrays.copyOf(numbers, Math.min(numbers.length, SHOWN_NUMBERS)));
    return numbers.length > SHOWN_NUMBERS ? shown.replace("]", ", ...]") : shown;
  }

  /** Returns how many numbers all inputs have: those of the tokens that the shortest one has. */
  private static int common(List<float[]> rows) {
    int shortest = Integer.MAX_VALUE;
    for (float[] row : rows) {
      shortest = Math.min(shortest, row.length);
    }
    return shortest;
  }

  private static boolean areAlike(Map<String, List<float[]>> outputs) {
    boolean several = false;
    for (List<float[]> rows : outputs.values()) {
      several = rows.size() > 1;
      int common = common(rows);
      for (float[] row : rows) {
        if (!Arrays.equals(Arrays.copyOf(row, common), Arrays.copyOf(rows.get(0), common))) {
          return false;
        }
      }
    }
    return several;
  }

  /** Tells whether the model itself answers every text alike, up to rounding in float32. */
  private static boolean areCollapsed(Map<String, List<float[]>> outputs) {
    double spread = 0;
    double largest = 0;
    for (List<float[]> rows : outputs.values()) {
      for (int column = 0; column < common(rows); column++) {
        double low = Double.POSITIVE_INFINITY;
        double high = Double.NEGATIVE_INFINITY;
        for (float[] row : rows) {
          low = Math.min(low, row[column]);
          high = Math.max(high, row[column]);
        }
        spread = Math.max(spread, high - low);
        largest = Math.max(largest, Math.max(-low, high));
      }
    }
    return spread <= Math.max(1e-4, 2e-5 * largest);
  }

  private static String at(int[] ids, int place) {
    return place < ids.length ? String.valueOf(ids[place]) : "the end";
  }

  private static String quoted(Golden.Case item) {
    String text = item.texts().get(item.texts().size() - 1);
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

  /** Returns the largest difference of a number that was seen. */
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
