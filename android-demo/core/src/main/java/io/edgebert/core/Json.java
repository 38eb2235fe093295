package io.edgebert.core;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A strict reader of JSON.
 *
 * <p>Values are {@link Map} (in the order of the text), {@link List}, {@link String}, {@link Long}, {@link Double},
 * {@link Boolean} and null. Refused are doubled keys, numbers that are not finite, lone surrogates, and depths that would
 * exhaust the stack.
 */
public final class Json {
  private static final int DEEPEST = 64;

  private final String text;
  private final String file;
  private int place;
  private int depth;

  private Json(String text, String file) {
    this.text = text;
    this.file = file;
  }

  /**
   * Returns the value that a text describes.
   *
   * @param text the whole content of a file
   * @param file name of the file, for messages
   * @throws EdgebertException it is no JSON; the message names line and column
   */
  public static Object parse(String text, String file) throws EdgebertException {
    Json json = new Json(text, file);
    Object value = json.value();
    json.skipSpace();
    if (json.place < text.length()) {
      throw json.wrong("something follows the end");
    }
    return value;
  }

  private Object value() throws EdgebertException {
    skipSpace();
    switch (peek()) {
      case '{':
        return object();
      case '[':
        return list();
      case '"':
        return string();
      case 't':
        return word("true", Boolean.TRUE);
      case 'f':
        return word("false", Boolean.FALSE);
      case 'n':
        return word("null", null);
      default:
        return number();
    }
  }

  private Map<String, Object> object() throws EdgebertException {
    Map<String, Object> object = new LinkedHashMap<>();
    enter();
    skipSpace();
    if (peek() == '}') {
      leave();
      return object;
    }
    while (true) {
      skipSpace();
      if (peek() != '"') {
        throw wrong("a key is expected");
      }
      String key = string();
      if (object.containsKey(key)) {
        throw wrong("the key \"" + key + "\" stands twice in one object");
      }
      skipSpace();
      expect(':');
      object.put(key, value());
      skipSpace();
      if (peek() == '}') {
        leave();
        return object;
      }
      expect(',');
    }
  }

  private List<Object> list() throws EdgebertException {
    List<Object> list = new ArrayList<>();
    enter();
    skipSpace();
    if (peek() == ']') {
      leave();
      return list;
    }
    while (true) {
      list.add(value());
      skipSpace();
      if (peek() == ']') {
        leave();
        return list;
      }
      expect(',');
    }
  }

  private String string() throws EdgebertException {
    int start = ++place;
    // Most strings have no escapes and are a part of the text as it is.
    while (peek() >= ' ' && peek() != '"' && peek() != '\\') {
      place++;
    }
    StringBuilder built = new StringBuilder(text.substring(start, place));
    while (peek() != '"') {
      char next = peek();
      if (next < ' ') {
        throw wrong(place < text.length() ? "a control character in a string" : "the string does not end");
      }
      place++;
      built.append(next == '\\' ? escape() : next);
    }
    place++;
    checkSurrogates(built);
    return built.toString();
  }

  private char escape() throws EdgebertException {
    char kind = peek();
    place++;
    switch (kind) {
      case '"':
      case '\\':
      case '/':
        return kind;
      case 'b':
        return '\b';
      case 'f':
        return '\f';
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case 'u':
        int value = 0;
        for (int index = 0; index < 4; index++) {
          int digit = peek() < 0x80 ? Character.digit(peek(), 16) : -1;
          if (digit < 0) {
            throw wrong("four hexadecimal digits are expected");
          }
          value = 16 * value + digit;
          place++;
        }
        return (char) value;
      default:
        place--;
        throw wrong("an unknown escape");
    }
  }

  private void checkSurrogates(CharSequence string) throws EdgebertException {
    for (int index = 0; index < string.length(); index++) {
      if (Character.isSurrogate(string.charAt(index))) {
        if (!Character.isHighSurrogate(string.charAt(index))
            || index + 1 == string.length()
            || !Character.isLowSurrogate(string.charAt(++index))) {
          throw wrong("a string with a lone surrogate");
        }
      }
    }
  }

  private Object number() throws EdgebertException {
    int start = place;
    if (peek() == '-') {
      place++;
    }
    int digits = place;
    boolean whole = true;
    digits();
    if (text.charAt(digits) == '0' && place > digits + 1) {
      throw wrong("a number with a leading zero");
    }
    if (peek() == '.') {
      whole = false;
      place++;
      digits();
    }
    if (peek() == 'e' || peek() == 'E') {
      whole = false;
      place++;
      if (peek() == '+' || peek() == '-') {
        place++;
      }
      digits();
    }
    String number = text.substring(start, place);
    try {
      if (whole) {
        return Long.valueOf(number);
      }
    } catch (NumberFormatException error) {
      throw wrong("the number " + number + " is too large");
    }
    double value = Double.parseDouble(number);
    if (Double.isInfinite(value)) {
      throw wrong("the number " + number + " is too large");
    }
    return value;
  }

  private void digits() throws EdgebertException {
    if (peek() < '0' || peek() > '9') {
      throw wrong("a value is expected");
    }
    while (peek() >= '0' && peek() <= '9') {
      place++;
    }
  }

  private Object word(String word, Object value) throws EdgebertException {
    if (!text.startsWith(word, place)) {
      throw wrong("a value is expected");
    }
    place += word.length();
    return value;
  }

  private void enter() throws EdgebertException {
    place++;
    if (++depth > DEEPEST) {
      throw wrong("nested more than " + DEEPEST + " deep");
    }
  }

  private void leave() {
    place++;
    depth--;
  }

  private void expect(char wanted) throws EdgebertException {
    if (peek() != wanted) {
      throw wrong("'" + wanted + "' is expected");
    }
    place++;
  }

  /** Returns the next character, or NUL at the end. */
  private char peek() {
    return place < text.length() ? text.charAt(place) : '\0';
  }

  private void skipSpace() {
    while (peek() == ' ' || peek() == '\n' || peek() == '\r' || peek() == '\t') {
      place++;
    }
  }

  private EdgebertException wrong(String what) {
    int line = 1;
    int lineStart = 0;
    for (int index = 0; index < Math.min(place, text.length()); index++) {
      if (text.charAt(index) == '\n') {
        line++;
        lineStart = index + 1;
      }
    }
    return new EdgebertException(
        EdgebertException.Kind.DAMAGED_FILE,
        file + ": line " + line + ", column " + (place - lineStart + 1) + ": no valid JSON: " + what);
  }
}
