package io.edgebert.demo;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** Text files in UTF-8. */
final class TextFiles {
  private static final int BUFFER = 1 << 16;

  private TextFiles() {}

  /**
   * Returns the content of a file.
   *
   * @param longest most bytes it may have
   * @throws IOException it cannot be read, is longer, or is not UTF-8
   */
  static String read(File file, int longest) throws IOException {
    ByteArrayOutputStream content = new ByteArrayOutputStream();
    byte[] buffer = new byte[BUFFER];
    try (InputStream input = new FileInputStream(file)) {
      for (int read = input.read(buffer); read >= 0; read = input.read(buffer)) {
        content.write(buffer, 0, read);
        if (content.size() > longest) {
          throw new IOException("it has more than " + longest + " bytes");
        }
      }
    }
    return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(content.toByteArray())).toString();
  }

  /** Writes a file that appears whole or not at all. */
  static void write(File file, String text) throws IOException {
    File part = new File(file.getPath() + ".part");
    try (FileOutputStream stream = new FileOutputStream(part)) {
      stream.write(text.getBytes(StandardCharsets.UTF_8));
      stream.getFD().sync();
    }
    if (!part.renameTo(file)) {
      throw new IOException("it cannot be given its name");
    }
  }
}
