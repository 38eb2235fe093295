package io.edgebert.core;

import java.io.File;

/** Where the model files of a bundle lie, as files that a runtime can open by their path. */
public interface ModelFiles {
  /**
   * Returns the file, compared with the manifest.
   *
   * @param artifact a model file of the bundle
   * @throws EdgebertException it is missing or damaged, or there is no room for it
   */
  File path(Artifact artifact) throws EdgebertException;
}
