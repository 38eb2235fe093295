package io.edgebert.core;

import java.util.Arrays;

/** A map from code points to one or more code points, as UnicodeTables writes it. */
final class CodePointMap {
  private final int[] keys;
  private final int[][] values;

  /** Reads entries {@code gap=value} or {@code gap=value+value} in base 36. */
  CodePointMap(String table) {
    String[] entries = table.split(" ");
    keys = new int[entries.length];
    values = new int[entries.length][];
    int key = 0;
    for (int entry = 0; entry < entries.length; entry++) {
      int equals = entries[entry].indexOf('=');
      key += Integer.parseInt(entries[entry].substring(0, equals), 36);
      String[] targets = entries[entry].substring(equals + 1).split("\\+");
      keys[entry] = key;
      values[entry] = new int[targets.length];
      for (int target = 0; target < targets.length; target++) {
        values[entry][target] = Integer.parseInt(targets[target], 36);
      }
    }
  }

  /** Returns every key, ascending. */
  int[] keys() {
    return keys;
  }

  /** Returns what a key stands for; the key must be in the map. The caller must not change the array. */
  int[] get(int key) {
    return values[Arrays.binarySearch(keys, key)];
  }
}
