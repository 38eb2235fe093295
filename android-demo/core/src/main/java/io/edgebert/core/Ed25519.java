package io.edgebert.core;

import java.math.BigInteger;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;

/**
 * Checks Ed25519 signatures (RFC 8032), which Android's own providers know only from version 13 on.
 *
 * <p>There is nothing secret in a check, so it need not take constant time. It is made once, when a bundle is opened.
 */
final class Ed25519 {
  static final int KEY_BYTES = 32;
  static final int SIGNATURE_BYTES = 64;

  private static final BigInteger TWO = BigInteger.valueOf(2);
  private static final BigInteger P = TWO.pow(255).subtract(BigInteger.valueOf(19));
  private static final BigInteger L = TWO.pow(252).add(new BigInteger("27742317777372353535851937790883648493"));
  private static final BigInteger D =
      BigInteger.valueOf(-121665).multiply(BigInteger.valueOf(121666).modInverse(P)).mod(P);
  private static final BigInteger ROOT_OF_MINUS_ONE =
      TWO.modPow(P.subtract(BigInteger.ONE).shiftRight(2), P);
  private static final Point BASE =
      point(BigInteger.valueOf(4).multiply(BigInteger.valueOf(5).modInverse(P)).mod(P), false);

  private Ed25519() {}

  /** A point of the curve in extended coordinates: x = X/Z, y = Y/Z, T = XY/Z. */
  private static final class Point {
    static final Point ZERO = new Point(BigInteger.ZERO, BigInteger.ONE, BigInteger.ONE, BigInteger.ZERO);

    final BigInteger x;
    final BigInteger y;
    final BigInteger z;
    final BigInteger t;

    Point(BigInteger x, BigInteger y, BigInteger z, BigInteger t) {
      this.x = x;
      this.y = y;
      this.z = z;
      this.t = t;
    }

    Point plus(Point other) {
      BigInteger a = y.subtract(x).multiply(other.y.subtract(other.x)).mod(P);
      BigInteger b = y.add(x).multiply(other.y.add(other.x)).mod(P);
      BigInteger c = TWO.multiply(t).multiply(D).mod(P).multiply(other.t).mod(P);
      BigInteger d = TWO.multiply(z).multiply(other.z).mod(P);
      BigInteger e = b.subtract(a);
      BigInteger f = d.subtract(c);
      BigInteger g = d.add(c);
      BigInteger h = b.add(a);
      return new Point(e.multiply(f).mod(P), g.multiply(h).mod(P), f.multiply(g).mod(P), e.multiply(h).mod(P));
    }

    Point minus() {
      return new Point(P.subtract(x).mod(P), y, z, P.subtract(t).mod(P));
    }

    Point times(BigInteger scalar) {
      Point sum = ZERO;
      for (int bit = scalar.bitLength() - 1; bit >= 0; bit--) {
        sum = sum.plus(sum);
        if (scalar.testBit(bit)) {
          sum = sum.plus(this);
        }
      }
      return sum;
    }

    byte[] encoded() {
      BigInteger inverse = z.modInverse(P);
      byte[] bytes = littleEndian(y.multiply(inverse).mod(P));
      if (x.multiply(inverse).mod(P).testBit(0)) {
        bytes[KEY_BYTES - 1] |= (byte) 0x80;
      }
      return bytes;
    }
  }

  /** Returns whether a signature of a message was made with the private key of a public one. */
  static boolean isValid(byte[] publicKey, byte[] message, byte[] signature) {
    if (publicKey.length != KEY_BYTES || signature.length != SIGNATURE_BYTES) {
      return false;
    }
    Point key = decoded(publicKey);
    byte[] nonce = Arrays.copyOf(signature, KEY_BYTES);
    BigInteger scalar = number(Arrays.copyOfRange(signature, KEY_BYTES, SIGNATURE_BYTES));
    // A scalar of L or more would be a second signature for the same message.
    if (key == null || scalar.compareTo(L) >= 0) {
      return false;
    }
    MessageDigest digest = sha512();
    digest.update(nonce);
    digest.update(publicKey);
    BigInteger hash = number(digest.digest(message)).mod(L);
    return Arrays.equals(BASE.times(scalar).plus(key.times(hash).minus()).encoded(), nonce);
  }

  /** Returns the point that 32 bytes stand for; {@code null} when they stand for none. */
  private static Point decoded(byte[] bytes) {
    byte[] copy = bytes.clone();
    boolean odd = (copy[KEY_BYTES - 1] & 0x80) != 0;
    copy[KEY_BYTES - 1] &= 0x7F;
    BigInteger y = number(copy);
    return y.compareTo(P) >= 0 ? null : point(y, odd);
  }

  private static Point point(BigInteger y, boolean odd) {
    BigInteger square = y.multiply(y).mod(P);
    BigInteger ratio =
        square.subtract(BigInteger.ONE).multiply(D.multiply(square).add(BigInteger.ONE).modInverse(P)).mod(P);
    BigInteger x = ratio.modPow(P.add(BigInteger.valueOf(3)).shiftRight(3), P);
    if (!x.multiply(x).subtract(ratio).mod(P).equals(BigInteger.ZERO)) {
      x = x.multiply(ROOT_OF_MINUS_ONE).mod(P);
    }
    if (!x.multiply(x).subtract(ratio).mod(P).equals(BigInteger.ZERO) || (x.signum() == 0 && odd)) {
      return null;
    }
    BigInteger chosen = x.testBit(0) == odd ? x : P.subtract(x);
    return new Point(chosen, y, BigInteger.ONE, chosen.multiply(y).mod(P));
  }

  private static BigInteger number(byte[] littleEndian) {
    return new BigInteger(1, reversed(littleEndian));
  }

  private static byte[] littleEndian(BigInteger value) {
    byte[] bytes = new byte[KEY_BYTES];
    byte[] big = value.toByteArray();
    for (int index = 0; index < big.length && index < KEY_BYTES; index++) {
      bytes[index] = big[big.length - 1 - index];
    }
    return bytes;
  }

  private static byte[] reversed(byte[] bytes) {
    byte[] turned = new byte[bytes.length];
    for (int index = 0; index < bytes.length; index++) {
      turned[index] = bytes[bytes.length - 1 - index];
    }
    return turned;
  }

  private static MessageDigest sha512() {
    try {
      return MessageDigest.getInstance("SHA-512");
    } catch (NoSuchAlgorithmException error) {
      throw new AssertionError("every Java platform has SHA-512", error);
    }
  }
}
