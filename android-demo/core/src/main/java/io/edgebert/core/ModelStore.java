package io.edgebert.core;

import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;

/**
 * Copies of model files in a folder of the app, made once: a runtime opens a path, and an asset has none.
 *
 * <p>The name of a copy begins with the hash of its content, so an app that was updated with another model does not meet
 * the old one. A copy gets its name after it was compared with the manifest; what was interrupted has none. Several
 * processes of an app may use the folder.
 */
public final class ModelStore implements ModelFiles {
  private static final String PART = ".part";
  private static final long HOUR_MS = 60 * 60 * 1000L;

  private final Bundle bundle;
  private final File folder;

  /**
   * Takes a folder for the copies.
   *
   * @param bundle where the model files come from
   * @param folder a folder for nothing else, made when it is needed: copies of models that the bundle does not have are
   *     deleted
   */
  public ModelStore(Bundle bundle, File folder) {
    this.bundle = bundle;
    this.folder = folder;
  }

  /**
   * Returns a copy that was compared with the manifest just now, made if there is none or it is damaged.
   *
   * @throws EdgebertException the file is missing from the bundle or damaged there, or there is no room for a copy
   */
  @Override
  public File path(Artifact artifact) throws EdgebertException {
    File copy = new File(folder, name(artifact));
    if (!isWhole(copy, artifact)) {
      deleteOthers();
      make(copy, artifact);
    }
    return copy;
  }

  private boolean isWhole(File copy, Artifact artifact) {
    if (copy.length() != artifact.entry().sizeBytes()) {
      return false;
    }
    try {
      bundle.readFrom(file -> new FileInputStream(copy)).check(artifact.file());
      return true;
    } catch (EdgebertException error) {
      // Whatever became of it, it is made again.
      return false;
    }
  }

  private void make(File copy, Artifact artifact) throws EdgebertException {
    if (!folder.isDirectory() && !folder.mkdirs() && !folder.isDirectory()) {
      throw noSpace(artifact, "the folder for its copy cannot be made", null);
    }
    long needed = artifact.entry().sizeBytes();
    // 0 is also the answer of a file system that does not know.
    long room = folder.getUsableSpace();
    if (room > 0 && room < needed) {
      throw noSpace(artifact, "its copy needs " + megabytes(needed) + ", and " + megabytes(room) + " are free", null);
    }
    try {
      // Under a name of its own: another process may be making the same copy.
      File part = File.createTempFile("copy", PART, folder);
      try {
        write(part, artifact);
        if (!part.renameTo(copy)) {
          throw noSpace(artifact, "its copy cannot be renamed", null);
        }
      } finally {
        delete(part);
      }
    } catch (IOException error) {
      throw noSpace(artifact, "its copy cannot be written: " + error.getMessage(), error);
    }
  }

  private void write(File part, Artifact artifact) throws EdgebertException, IOException {
    try (FileOutputStream target = new FileOutputStream(part)) {
      bundle.copy(artifact.file(), target);
      // Without it, a phone that loses power could keep the name and lose the content.
      target.getFD().sync();
    }
  }

  /** Deletes the models of earlier versions of the app, and what was interrupted long ago. */
  private void deleteOthers() {
    File[] files = folder.listFiles();
    for (File file : files == null ? new File[0] : files) {
      // A younger one may be what another process is writing.
      boolean known = file.getName().endsWith(PART) && file.lastModified() > System.currentTimeMillis() - HOUR_MS;
      for (Artifact artifact : bundle.manifest().artifacts()) {
        known |= file.getName().equals(name(artifact));
      }
      if (!known) {
        delete(file);
      }
    }
  }

  private static String name(Artifact artifact) {
    return artifact.entry().sha256() + "." + artifact.format();
  }

  private static void delete(File file) {
    if (file.isFile() && !file.delete()) {
      // What cannot be removed costs room and does no harm.
      file.deleteOnExit();
    }
  }

  private static String megabytes(long bytes) {
    return (bytes + 999_999) / 1_000_000 + " MB";
  }

  private static EdgebertException noSpace(Artifact artifact, String what, IOException cause) {
    return new EdgebertException(EdgebertException.Kind.NO_SPACE, artifact.file() + ": " + what, cause);
  }
}
