package io.edgebert.core;

/** A file of a bundle as its manifest describes it: where it is, how large, and with which hash. */
public final class FileEntry {
  private static final int HASH_DIGITS = 64;

  private final String file;
  private final long sizeBytes;
  private final String sha256;

  private FileEntry(String file, long sizeBytes, String sha256) {
    this.file = file;
    this.sizeBytes = sizeBytes;
    this.sha256 = sha256;
  }

  static FileEntry read(JsonObject json) throws EdgebertException {
    String file = json.string("file");
    if (!isInside(file)) {
      throw json.damaged("file", "is the path \"" + file + "\", which leaves the bundle");
    }
    long sizeBytes = json.wholeNumber("size_bytes");
    if (sizeBytes < 0) {
      throw json.damaged("size_bytes", "is " + sizeBytes + ", but should not be negative");
    }
    String sha256 = json.string("sha256");
    if (!isHash(sha256)) {
      throw json.damaged("sha256", "is no hash of 64 hexadecimal digits");
    }
    return new FileEntry(file, sizeBytes, sha256);
  }

  /** Returns the path inside the bundle, with forward slashes. */
  public String file() {
    return file;
  }

  /** Returns the size in bytes. */
  public long sizeBytes() {
    return sizeBytes;
  }

  /** Returns the SHA-256 hash, 64 lower-case hexadecimal digits. */
  public String sha256() {
    return sha256;
  }

  /** Returns whether a path can only lead to a file in the folder it is applied to. */
  static boolean isInside(String file) {
    for (String part : file.split("/", -1)) {
      if (part.isEmpty() || part.equals(".") || part.equals("..")) {
        return false;
      }
    }
    return file.indexOf('\\') < 0 && file.indexOf(':') < 0 && file.indexOf('\0') < 0;
  }

  private static boolean isHash(String text) {
    if (text.length() != HASH_DIGITS) {
      return false;
    }
    for (int index = 0; index < HASH_DIGITS; index++) {
      char digit = text.charAt(index);
      if ((digit < '0' || digit > '9') && (digit < 'a' || digit > 'f')) {
        return false;
      }
    }
    return true;
  }
}
