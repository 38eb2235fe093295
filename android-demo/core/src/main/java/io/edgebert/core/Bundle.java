package io.edgebert.core;

import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/**
 * A bundle that edgebert exported, or what of it was copied into an app.
 *
 * <p>Every file but the manifest is compared with the size and hash that the manifest states before it is used.
 */
public final class Bundle {
  private static final int BUFFER = 1 << 16;
  private static final String SIGNATURE = "edgebert.sig";

  // Larger than any manifest; keeps a wrong file from filling the memory.
  private static final long LARGEST_MANIFEST = 8L << 20;

  private final BundleSource source;
  private final Manifest manifest;

  private Bundle(BundleSource source, Manifest manifest) {
    this.source = source;
    this.manifest = manifest;
  }

  /**
   * Opens a bundle: reads its manifest.
   *
   * @throws EdgebertException there is no manifest, or it is damaged, of a newer schema or of an unknown task
   */
  public static Bundle open(BundleSource source) throws EdgebertException {
    return open(source, null);
  }

  /**
   * Opens the very bundle that an app was built with.
   *
   * @param source where its files are
   * @param digest digest of its manifest, as {@code EdgebertModel.digest} has it; {@code null} takes any bundle
   * @throws EdgebertException there is no manifest, or it is another one, damaged, of a newer schema or of an unknown task
   */
  public static Bundle open(BundleSource source, String digest) throws EdgebertException {
    return open(source, digest, null);
  }

  /**
   * Opens the very bundle that an app was built with, if it was signed with a key.
   *
   * @param source where its files are
   * @param digest digest of its manifest, as {@code EdgebertModel.digest} has it; {@code null} takes any bundle
   * @param publicKey Ed25519 key, 64 hexadecimal digits, as {@code EdgebertModel.publicKey} has it; {@code null} asks for
   *     no signature
   * @throws EdgebertException there is no manifest, or it is another one, damaged, not signed with the key, of a newer
   *     schema or of an unknown task
   */
  public static Bundle open(BundleSource source, String digest, String publicKey) throws EdgebertException {
    byte[] content = small(source, Manifest.FILE);
    if (publicKey != null && !isSigned(content, decode(small(source, SIGNATURE), SIGNATURE), publicKey)) {
      throw damaged(SIGNATURE, "is no signature of this manifest with the key that the app trusts");
    }
    Manifest manifest = Manifest.read(decode(content, Manifest.FILE));
    if (digest != null && !digest.equals(manifest.digest())) {
      throw damaged(Manifest.FILE, "is not the manifest that the app was built with (its digest differs)");
    }
    return new Bundle(source, manifest);
  }

  private static byte[] small(BundleSource source, String file) throws EdgebertException {
    ByteArrayOutputStream content = new ByteArrayOutputStream();
    if (transfer(source, file, content, LARGEST_MANIFEST, null) > LARGEST_MANIFEST) {
      throw new EdgebertException(EdgebertException.Kind.DAMAGED_FILE, file + ": is far too large");
    }
    return content.toByteArray();
  }

  private static boolean isSigned(byte[] manifest, String signature, String publicKey) {
    byte[] key = unhex(publicKey);
    byte[] bytes = signature.endsWith("\n") ? unhex(signature.substring(0, signature.length() - 1)) : null;
    return key != null && bytes != null && Ed25519.isValid(key, manifest, bytes);
  }

  /** Returns the bytes that lower-case hexadecimal digits stand for; {@code null} when it is no such text. */
  static byte[] unhex(String digits) {
    byte[] bytes = new byte[digits.length() / 2];
    for (int index = 0; index < digits.length(); index++) {
      int value = "0123456789abcdef".indexOf(digits.charAt(index));
      if (value < 0 || digits.length() % 2 != 0) {
        return null;
      }
      bytes[index / 2] = (byte) (bytes[index / 2] << 4 | value);
    }
    return bytes;
  }

  /** Returns the bundle with the same manifest, whose files are read from elsewhere. */
  Bundle readFrom(BundleSource other) {
    return new Bundle(other, manifest);
  }

  /** Returns what the bundle says of itself. */
  public Manifest manifest() {
    return manifest;
  }

  /**
   * Returns the tokenizer of a model file.
   *
   * @throws EdgebertException its vocabulary is missing or damaged
   */
  public WordPieceTokenizer tokenizer(Artifact artifact) throws EdgebertException {
    String file = manifest.vocabularyFile(artifact);
    return new WordPieceTokenizer(new Vocabulary(text(file), file), manifest.text(artifact));
  }

  /**
   * Returns the golden texts of a model file.
   *
   * @throws EdgebertException they are missing or damaged
   */
  public Golden golden(Artifact artifact) throws EdgebertException {
    String file = manifest.goldenFile(artifact);
    return Golden.read(text(file), file);
  }

  /**
   * Returns the content of a text file.
   *
   * @throws EdgebertException it is missing, or not what the manifest says
   */
  public String text(String file) throws EdgebertException {
    ByteArrayOutputStream content = new ByteArrayOutputStream();
    copy(file, content);
    return decode(content.toByteArray(), file);
  }

  /**
   * Reads a file and compares it with the manifest, keeping nothing of it.
   *
   * @throws EdgebertException it is missing, or not what the manifest says
   */
  public void check(String file) throws EdgebertException {
    copy(file, null);
  }

  /**
   * Copies a file, a piece at a time, and compares it with the manifest.
   *
   * <p>Write to a name of your own and rename it when this returns: after an exception, what was written is of no use.
   *
   * @param file path inside the bundle
   * @param target where to write; not closed
   * @throws EdgebertException it is missing, not what the manifest says, or cannot be written
   */
  public void copy(String file, OutputStream target) throws EdgebertException {
    FileEntry entry = manifest.entry(file);
    MessageDigest digest = sha256();
    long size = transfer(source, file, target, entry.sizeBytes(), digest);
    if (size != entry.sizeBytes()) {
      String found = size > entry.sizeBytes() ? "is larger than" : "has " + size + " bytes instead of";
      throw damaged(file, found + " the " + entry.sizeBytes() + " bytes that the manifest states");
    }
    if (!hex(digest.digest()).equals(entry.sha256())) {
      throw damaged(file, "is not the file that the manifest describes (its hash differs)");
    }
  }

  /** Copies at most {@code limit} bytes and a piece more, and returns how many. */
  private static long transfer(BundleSource source, String file, OutputStream target, long limit, MessageDigest digest)
      throws EdgebertException {
    byte[] buffer = new byte[BUFFER];
    long total = 0;
    try (InputStream input = source.open(file)) {
      for (int read = input.read(buffer); read >= 0 && total <= limit; read = input.read(buffer)) {
        if (digest != null) {
          digest.update(buffer, 0, read);
        }
        if (target != null) {
          write(target, buffer, read, file);
        }
        total += read;
      }
      return total;
    } catch (FileNotFoundException error) {
      throw new EdgebertException(
          EdgebertException.Kind.MISSING_FILE, file + ": missing from the bundle; copy the bundle again", error);
    } catch (IOException error) {
      throw new EdgebertException(
          EdgebertException.Kind.DAMAGED_FILE, file + ": cannot be read: " + error.getMessage(), error);
    }
  }

  private static void write(OutputStream target, byte[] buffer, int size, String file) throws EdgebertException {
    try {
      target.write(buffer, 0, size);
    } catch (IOException error) {
      throw new EdgebertException(
          EdgebertException.Kind.NO_SPACE, file + ": cannot be written: " + error.getMessage(), error);
    }
  }

  private static String decode(byte[] content, String file) throws EdgebertException {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(content)).toString();
    } catch (CharacterCodingException error) {
      throw new EdgebertException(EdgebertException.Kind.DAMAGED_FILE, file + ": is not UTF-8", error);
    }
  }

  private static EdgebertException damaged(String file, String what) {
    return new EdgebertException(
        EdgebertException.Kind.DAMAGED_FILE, file + ": " + what + "; copy the bundle again");
  }

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException error) {
      throw new AssertionError("every Java platform has SHA-256", error);
    }
  }

  static String hex(byte[] bytes) {
    StringBuilder digits = new StringBuilder();
    for (byte value : bytes) {
      digits.append(Character.forDigit(value >> 4 & 0xF, 16)).append(Character.forDigit(value & 0xF, 16));
    }
    return digits.toString();
  }
}
