package io.edgebert.core;

import java.util.Arrays;

/** The tokens of a model, arranged so that the longest token at a place is found in one walk. */
public final class Vocabulary {
  static final String CONTINUATION = "##";

  private static final int NONE = -1;
  private static final int ROOT = 0;
  private static final int CODE_POINT_BITS = 21;

  private final String[] tokens;

  // A tree with one node for each beginning of a token. Its edges are in a hash table of (node, code point) to node.
  private final int[] tokenOfNode;
  private final long[] edges;
  private final int[] targets;
  private final int mask;
  private final int continuationRoot;
  private int nodes = 1;

  /**
   * Reads a vocabulary.
   *
   * @param content content of a vocab.txt: one token on each line, the line number from 0 is the id
   * @param file name of the file, for messages
   * @throws EdgebertException a token stands there twice, or there are none
   */
  public Vocabulary(String content, String file) throws EdgebertException {
    tokens = lines(content);
    int characters = 0;
    for (String token : tokens) {
      characters += token.length();
    }
    tokenOfNode = new int[characters + 1 + CONTINUATION.length()];
    Arrays.fill(tokenOfNode, NONE);
    int capacity = Integer.highestOneBit(Math.max(tokenOfNode.length, 8)) * 4;
    edges = new long[capacity];
    targets = new int[capacity];
    mask = capacity - 1;
    continuationRoot = insert(CONTINUATION);
    for (int id = 0; id < tokens.length; id++) {
      int node = insert(tokens[id]);
      if (tokenOfNode[node] != NONE) {
        throw new EdgebertException(
            EdgebertException.Kind.DAMAGED_FILE,
            file + ": line " + (id + 1) + " repeats the token of line " + (tokenOfNode[node] + 1));
      }
      tokenOfNode[node] = id;
    }
    if (tokens.length == 0) {
      throw new EdgebertException(EdgebertException.Kind.DAMAGED_FILE, file + ": holds no tokens");
    }
  }

  /** Returns the number of tokens. */
  public int size() {
    return tokens.length;
  }

  /** Returns the token with an id from 0 to {@code size() - 1}. */
  public String token(int id) {
    return tokens[id];
  }

  /** Returns the id of a whole token, or null if there is none. */
  Integer id(String token) {
    int node = ROOT;
    for (int index = 0; index < token.length() && node >= 0; index += Character.charCount(token.codePointAt(index))) {
      node = next(node, token.codePointAt(index));
    }
    return node < 0 || tokenOfNode[node] == NONE ? null : (Integer) tokenOfNode[node];
  }

  /** Returns the node that walks begin at: for the beginning of a word, or for what follows in it. */
  int root(boolean beginning) {
    return beginning ? ROOT : continuationRoot;
  }

  /** Returns the node after one more code point, or a negative number if no token goes on like that. */
  int next(int node, int code) {
    long edge = edge(node, code);
    for (int slot = slot(edge); edges[slot] != 0; slot = slot + 1 & mask) {
      if (edges[slot] == edge) {
        return targets[slot];
      }
    }
    return NONE;
  }

  /** Returns the id of the token that ends at a node, or a negative number if none does. */
  int tokenAt(int node) {
    return tokenOfNode[node];
  }

  private int insert(String token) {
    int node = ROOT;
    for (int index = 0; index < token.length(); index += Character.charCount(token.codePointAt(index))) {
      node = nextOrNew(node, token.codePointAt(index));
    }
    return node;
  }

  private int nextOrNew(int node, int code) {
    long edge = edge(node, code);
    int slot = slot(edge);
    while (edges[slot] != 0) {
      if (edges[slot] == edge) {
        return targets[slot];
      }
      slot = slot + 1 & mask;
    }
    edges[slot] = edge;
    targets[slot] = nodes;
    return nodes++;
  }

  /** Returns the key of an edge; never 0, which marks a free slot. */
  private static long edge(int node, int code) {
    return (long) (node + 1) << CODE_POINT_BITS | code;
  }

  private int slot(long edge) {
    long mixed = edge * 0x9E3779B97F4A7C15L;
    return (int) (mixed >>> 32) & mask;
  }

  private static String[] lines(String content) {
    String[] lines = content.split("\n", -1);
    // The line break that ends the last line begins no other one.
    return lines[lines.length - 1].isEmpty() ? Arrays.copyOf(lines, lines.length - 1) : lines;
  }
}
