package io.edgebert.core;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;

/** Where the files of a bundle are read from: a folder, or the assets of an app. */
public interface BundleSource {
  /**
   * Opens a file.
   *
   * @param file path inside the bundle, with forward slashes
   * @throws FileNotFoundException there is no such file
   * @throws IOException it cannot be read
   */
  InputStream open(String file) throws IOException;
}
