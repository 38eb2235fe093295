package io.edgebert.core;

/** The choice of an input length. */
public final class InputLength {
  private InputLength() {}

  /**
   * Returns the length to run so many tokens at.
   *
   * @param tokens number of tokens of a text
   * @param lengths lengths that the file has signatures for, ascending; none when every length goes
   * @return the smallest that holds them; the number of tokens itself when every length goes
   * @throws EdgebertException none holds them
   */
  public static int fitting(int tokens, int[] lengths) throws EdgebertException {
    for (int length : lengths) {
      if (tokens <= length) {
        return length;
      }
    }
    if (lengths.length == 0) {
      return tokens;
    }
    throw new EdgebertException(
        EdgebertException.Kind.BAD_REQUEST,
        tokens + " tokens do not fit into the model, which takes " + lengths[lengths.length - 1]);
  }
}
