package android.system;

public final class Os {
  Os() {
    throw new UnsupportedOperationException();
  }

  public static void setenv(String name, String value, boolean overwrite) throws ErrnoException {
    throw new UnsupportedOperationException();
  }
}
