package io.edgebert.core;

/**
 * The token IDs of one input of the model, and which part of which text each token stands for.
 *
 * <p>Offsets are half-open ranges of the token's own text. They come in two units: UTF-16, which {@link
 * String#substring} and a text view count in, and code points, which Python and Hugging Face count in. The special tokens
 * that frame the texts have the empty range 0 to 0, and -1 for text and word.
 */
public final class Encoding {
  /** The text and the word of a token that frames the texts. */
  public static final int NONE = -1;

  final int[] ids;
  final int[] starts;
  final int[] ends;
  final int[] startCodePoints;
  final int[] endCodePoints;
  final int[] words;
  private final int separator;
  private final boolean truncated;

  private Encoding(int size, int separator, boolean truncated, TextSpec spec) {
    ids = new int[size];
    starts = new int[size];
    ends = new int[size];
    startCodePoints = new int[size];
    endCodePoints = new int[size];
    words = new int[size];
    this.separator = separator;
    this.truncated = truncated;
    frame(0, spec.clsId());
    frame(separator, spec.sepId());
    frame(size - 1, spec.sepId());
  }

  /** Returns the input for one text. */
  static Encoding of(TextSpec spec, Tokens text) {
    int kept = text.kept();
    Encoding encoding = new Encoding(kept + 2, kept + 1, text.full(), spec);
    text.copy(0, kept, encoding, 1);
    return encoding;
  }

  /** Returns the input for a text and the tokens from {@code from} to {@code to} of a second one. */
  static Encoding of(TextSpec spec, Tokens first, Tokens second, int from, int to) {
    int separator = first.kept() + 1;
    Encoding encoding = new Encoding(separator + 1 + to - from + 1, separator, first.full(), spec);
    first.copy(0, first.kept(), encoding, 1);
    second.copy(from, to, encoding, separator + 1);
    return encoding;
  }

  private void frame(int token, int id) {
    ids[token] = id;
    words[token] = NONE;
  }

  /** Returns the number of tokens, those that frame the texts included. */
  public int size() {
    return ids.length;
  }

  /** Returns the ids, special tokens included, not padded. */
  public int[] ids() {
    return ids.clone();
  }

  /** Returns whether the text had more tokens than fit; of two texts, whether the first had. */
  public boolean truncated() {
    return truncated;
  }

  /** Returns where the text of a token begins, in UTF-16 units. */
  public int start(int token) {
    return starts[token];
  }

  /** Returns where the text of a token ends, in UTF-16 units. */
  public int end(int token) {
    return ends[token];
  }

  /** Returns where the text of a token begins, in code points. */
  public int startCodePoint(int token) {
    return startCodePoints[token];
  }

  /** Returns where the text of a token ends, in code points. */
  public int endCodePoint(int token) {
    return endCodePoints[token];
  }

  /** Returns which text a token is of: 0, or 1 for the second one; {@link #NONE} for one that frames the texts. */
  public int sequence(int token) {
    if (token == 0 || token == separator || token == ids.length - 1) {
      return NONE;
    }
    return token < separator ? 0 : 1;
  }

  /** Returns which word of its text a token is of, counted from 0; {@link #NONE} for one that frames the texts. */
  public int word(int token) {
    return words[token];
  }
}
