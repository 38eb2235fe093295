package io.edgebert.core;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** A JSON object whose fields are read with their types checked; messages name file and field. */
final class JsonObject {
  private final Map<?, ?> fields;
  private final String file;
  private final String path;

  private JsonObject(Map<?, ?> fields, String file, String path) {
    this.fields = fields;
    this.file = file;
    this.path = path;
  }

  /** Returns the object that a whole file is. */
  static JsonObject read(String text, String file) throws EdgebertException {
    Object value = Json.parse(text, file);
    if (!(value instanceof Map)) {
      throw new EdgebertException(EdgebertException.Kind.DAMAGED_FILE, file + ": holds no JSON object");
    }
    return new JsonObject((Map<?, ?>) value, file, "");
  }

  /** Returns whether a field is there and not null. */
  boolean has(String name) {
    return fields.get(name) != null;
  }

  /** Returns whether a field is there, be it null. */
  boolean holds(String name) {
    return fields.containsKey(name);
  }

  /** Refuses fields of other names. */
  void checkKeys(String... known) throws EdgebertException {
    for (Object name : fields.keySet()) {
      if (!Arrays.asList(known).contains(name)) {
        throw damaged(String.valueOf(name), "is no key that is known here");
      }
    }
  }

  String string(String name) throws EdgebertException {
    return get(name, String.class, "a string");
  }

  boolean bool(String name) throws EdgebertException {
    return get(name, Boolean.class, "a boolean");
  }

  long wholeNumber(String name) throws EdgebertException {
    return get(name, Long.class, "an integer");
  }

  int integer(String name) throws EdgebertException {
    return narrow(name, wholeNumber(name));
  }

  /** Returns an integer that is not negative. */
  int count(String name) throws EdgebertException {
    int value = integer(name);
    if (value < 0) {
      throw damaged(name, "is " + value + ", but should not be negative");
    }
    return value;
  }

  double number(String name) throws EdgebertException {
    return get(name, Number.class, "a number").doubleValue();
  }

  JsonObject object(String name) throws EdgebertException {
    return new JsonObject(get(name, Map.class, "an object"), file, path + name + ".");
  }

  List<JsonObject> objects(String name) throws EdgebertException {
    List<JsonObject> objects = new ArrayList<>();
    for (Object item : list(name)) {
      String itemPath = name + "[" + objects.size() + "]";
      objects.add(new JsonObject(cast(itemPath, item, Map.class, "an object"), file, path + itemPath + "."));
    }
    return objects;
  }

  List<String> strings(String name) throws EdgebertException {
    List<String> strings = new ArrayList<>();
    for (Object item : list(name)) {
      strings.add(cast(name + "[" + strings.size() + "]", item, String.class, "a string"));
    }
    return strings;
  }

  /** Returns the sizes of a tensor: integers, and null for each that has a name in place of a number. */
  List<Integer> sizes(String name) throws EdgebertException {
    List<Integer> sizes = new ArrayList<>();
    for (Object item : list(name)) {
      String itemPath = name + "[" + sizes.size() + "]";
      sizes.add(item instanceof String ? null : narrow(itemPath, cast(itemPath, item, Long.class, "a size")));
    }
    return sizes;
  }

  int[] integers(String name) throws EdgebertException {
    return integers(name, list(name));
  }

  List<int[]> integerLists(String name) throws EdgebertException {
    List<int[]> lists = new ArrayList<>();
    for (Object item : list(name)) {
      String itemPath = name + "[" + lists.size() + "]";
      lists.add(integers(itemPath, cast(itemPath, item, List.class, "a list")));
    }
    return lists;
  }

  private int[] integers(String name, List<?> items) throws EdgebertException {
    int[] integers = new int[items.size()];
    for (int index = 0; index < integers.length; index++) {
      String itemPath = name + "[" + index + "]";
      integers[index] = narrow(itemPath, cast(itemPath, items.get(index), Long.class, "an integer"));
    }
    return integers;
  }

  float[] floats(String name) throws EdgebertException {
    List<?> items = list(name);
    float[] floats = new float[items.size()];
    for (int index = 0; index < floats.length; index++) {
      floats[index] = cast(name + "[" + index + "]", items.get(index), Number.class, "a number").floatValue();
    }
    return floats;
  }

  List<Double> numbers(String name) throws EdgebertException {
    List<Double> numbers = new ArrayList<>();
    for (Object item : list(name)) {
      numbers.add(cast(name + "[" + numbers.size() + "]", item, Number.class, "a number").doubleValue());
    }
    return numbers;
  }

  /** Returns the names of the fields. */
  List<String> names() {
    List<String> names = new ArrayList<>();
    for (Object name : fields.keySet()) {
      names.add((String) name);
    }
    return names;
  }

  /** Refuses input lengths that are not positive and ascending. */
  void checkLengths(String name, int[] lengths) throws EdgebertException {
    int last = 0;
    for (int length : lengths) {
      if (length <= last) {
        throw damaged(name, "is not a list of ascending lengths");
      }
      last = length;
    }
  }

  EdgebertException damaged(String name, String what) {
    return new EdgebertException(EdgebertException.Kind.DAMAGED_FILE, file + ": " + path + name + " " + what);
  }

  private List<?> list(String name) throws EdgebertException {
    return get(name, List.class, "a list");
  }

  private int narrow(String name, long value) throws EdgebertException {
    if (value != (int) value) {
      throw damaged(name, "is " + value + ", which is too large");
    }
    return (int) value;
  }

  private <T> T get(String name, Class<T> type, String what) throws EdgebertException {
    if (!fields.containsKey(name)) {
      throw damaged(name, "is missing");
    }
    return cast(name, fields.get(name), type, what);
  }

  private <T> T cast(String name, Object value, Class<T> type, String what) throws EdgebertException {
    if (!type.isInstance(value)) {
      throw damaged(name, "is not " + what);
    }
    return type.cast(value);
  }
}
