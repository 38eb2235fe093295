package android.os;

public final class Looper {
  Looper() {
    throw new UnsupportedOperationException();
  }

  public static Looper getMainLooper() {
    throw new UnsupportedOperationException();
  }
}
