package io.edgebert.core;

import java.io.Closeable;

/** A runtime with a model in it. Used by one thread at a time. */
public interface Backend extends Closeable {
  /**
   * Runs the model on one text.
   *
   * @param input ids and attention mask, of a length that the model takes
   * @return for each output of the model, in the order of the manifest, its values with the last dimension fastest
   * @throws EdgebertException the runtime failed; it may be asked again
   */
  float[][] run(ModelInput input) throws EdgebertException;

  /** Frees what the runtime holds. */
  @Override
  void close();
}
