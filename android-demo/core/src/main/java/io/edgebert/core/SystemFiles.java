package io.edgebert.core;

import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;

/** The small files in which Linux tells about the machine. What cannot be read is absent; nothing here throws. */
final class SystemFiles {
  private static final int LONGEST = 1 << 16;
  private static final int LONGEST_LABEL = 80;
  private static final int MOST_PROCESSORS = 1 << 12;
  // What every reader of JSON holds exactly.
  private static final int MOST_DIGITS = 15;

  private final File root;

  /** Takes the folder that {@code proc} and {@code sys} lie in. */
  SystemFiles(File root) {
    this.root = root;
  }

  /** Returns the content of a file without blanks around it; empty when it cannot be read. */
  String text(String path) {
    byte[] content = new byte[LONGEST];
    int size = 0;
    try (InputStream input = new FileInputStream(new File(root, path))) {
      for (int read = input.read(content, 0, LONGEST); read > 0; read = input.read(content, size, LONGEST - size)) {
        size += read;
      }
    } catch (IOException | SecurityException error) {
      return "";
    }
    return withoutBlanks(new String(content, 0, size, StandardCharsets.UTF_8));
  }

  /** Returns the integer that is all a file holds, or null when it holds something else. */
  Long whole(String path) {
    return wholeNumber(text(path));
  }

  /** Returns the first line of a file, at most 80 characters of it. */
  String label(String path) {
    String text = text(path);
    int end = text.indexOf('\n');
    String line = withoutBlanks(end < 0 ? text : text.substring(0, end));
    return line.length() <= LONGEST_LABEL ? line : line.substring(0, LONGEST_LABEL);
  }

  /** Returns the names in a folder that begin with a prefix, {@code zone2} before {@code zone10}. */
  List<String> listed(String folder, String prefix) {
    String[] names = new File(root, folder).list((parent, name) -> name.startsWith(prefix));
    List<String> listed = new ArrayList<>();
    if (names != null) {
      Collections.addAll(listed, names);
    }
    listed.sort(Comparator.comparingInt(String::length).thenComparing(Comparator.naturalOrder()));
    return listed;
  }

  /** Returns the value of a line {@code name: value}, or an empty text if there is no such line. */
  String field(String path, String name) {
    for (String line : text(path).split("\n")) {
      if (line.startsWith(name + ":")) {
        return withoutBlanks(line.substring(name.length() + 1));
      }
    }
    return "";
  }

  /** Returns the number that a text is, or null if it is none. */
  static Long wholeNumber(String text) {
    int start = text.startsWith("-") || text.startsWith("+") ? 1 : 0;
    if (text.length() == start || text.length() > start + MOST_DIGITS) {
      return null;
    }
    for (int index = start; index < text.length(); index++) {
      if (text.charAt(index) < '0' || text.charAt(index) > '9') {
        return null;
      }
    }
    return Long.valueOf(text);
  }

  /** Returns the numbers that the kernel writes as in {@code 0-3,6}, ascending; none when the text is no such list. */
  static List<Integer> processors(String text) {
    List<Integer> found = new ArrayList<>();
    for (String part : text.split(",")) {
      int dash = part.indexOf('-');
      Long first = wholeNumber(dash < 0 ? part : part.substring(0, dash));
      Long last = dash < 0 ? first : wholeNumber(part.substring(dash + 1));
      if (first == null || last == null || first < 0 || last < first || last >= MOST_PROCESSORS) {
        return new ArrayList<>();
      }
      for (long number = first; number <= last; number++) {
        found.add((int) number);
      }
    }
    return found;
  }

  private static String withoutBlanks(String text) {
    int start = 0;
    int end = text.length();
    while (start < end && text.charAt(start) <= ' ') {
      start++;
    }
    while (end > start && text.charAt(end - 1) <= ' ') {
      end--;
    }
    return text.substring(start, end);
  }
}
