package android.os;

public class Build {
  public static final String FINGERPRINT = String.valueOf("fake/phone:1");
}
