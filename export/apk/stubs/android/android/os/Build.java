package android.os;

public class Build {
  Build() {
    throw new UnsupportedOperationException();
  }

  public static final String FINGERPRINT = String.valueOf("");
}
