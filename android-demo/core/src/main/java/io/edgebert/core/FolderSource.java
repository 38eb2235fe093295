package io.edgebert.core;

import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;

/** A bundle that lies in a folder. */
public final class FolderSource implements BundleSource {
  private final File folder;

  /** Takes a folder as the source. */
  public FolderSource(File folder) {
    this.folder = folder;
  }

  @Override
  public InputStream open(String file) throws IOException {
    return new FileInputStream(new File(folder, file));
  }
}
