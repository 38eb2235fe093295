package io.edgebert.core;

import java.util.List;

/**
 * Makes an answer of what a model puts out. One for each {@link Task}.
 *
 * @param <A> what an answer is: for entities and answers in a context, something with ranges of the text
 */
public interface Decoder<A> {
  /**
   * Returns the answer to a text, or to a question about a context.
   *
   * @param texts the text, or question and context
   * @param windows the inputs in which the model read them: {@link Task#windows}
   * @param outputs what the model put out for each of these
   * @throws EdgebertException the outputs are not those of such a model
   */
  A decode(List<String> texts, List<Encoding> windows, List<Outputs> outputs) throws EdgebertException;
}
