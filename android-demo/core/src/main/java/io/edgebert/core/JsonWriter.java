package io.edgebert.core;

import java.util.List;
import java.util.Map;

/** Writes the values that {@link Json} reads, on one line and in ASCII. */
public final class JsonWriter {
  private JsonWriter() {}

  /**
   * Returns the JSON text of a value.
   *
   * @param value a map with string keys, a list, a string, a finite number, a boolean or null
   */
  public static String write(Object value) {
    StringBuilder out = new StringBuilder();
    append(out, value);
    return out.toString();
  }

  private static void append(StringBuilder out, Object value) {
    if (value instanceof Map) {
      char before = '{';
      for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
        out.append(before);
        append(out, String.valueOf(entry.getKey()));
        out.append(':');
        append(out, entry.getValue());
        before = ',';
      }
      out.append(before == '{' ? "{}" : "}");
    } else if (value instanceof List) {
      char before = '[';
      for (Object item : (List<?>) value) {
        out.append(before);
        append(out, item);
        before = ',';
      }
      out.append(before == '[' ? "[]" : "]");
    } else if (value instanceof String) {
      appendString(out, (String) value);
    } else if (value instanceof Number) {
      appendNumber(out, (Number) value);
    } else if (value == null || value instanceof Boolean) {
      out.append(value);
    } else {
      throw new IllegalArgumentException("JSON has no " + value.getClass().getName());
    }
  }

  private static void appendNumber(StringBuilder out, Number value) {
    if ((value instanceof Double || value instanceof Float)
        && (Double.isNaN(value.doubleValue()) || Double.isInfinite(value.doubleValue()))) {
      throw new IllegalArgumentException("JSON has no number " + value);
    }
    out.append(value);
  }

  private static void appendString(StringBuilder out, String value) {
    out.append('"');
    for (int index = 0; index < value.length(); index++) {
      char next = value.charAt(index);
      if (next == '"' || next == '\\') {
        out.append('\\').append(next);
      } else if (next >= ' ' && next <= '~') {
        out.append(next);
      } else {
        out.append("\\u");
        for (int shift = 12; shift >= 0; shift -= 4) {
          out.append(Character.forDigit(next >> shift & 0xF, 16));
        }
      }
    }
    out.append('"');
  }
}
