package io.edgebert.core;

/**
 * Makes an answer of what a model puts out. One for each {@link Task}.
 *
 * @param <A> what an answer is: for entities or answer spans, something with ranges of the text
 */
public interface Decoder<A> {
  /**
   * Returns the answer to a text.
   *
   * @param text the text
   * @param encoding its tokens, with the range of the text that each stands for
   * @param outputs what {@link Backend#run} returned
   * @throws EdgebertException the outputs are not those of such a model
   */
  A decode(String text, Encoding encoding, float[][] outputs) throws EdgebertException;
}
