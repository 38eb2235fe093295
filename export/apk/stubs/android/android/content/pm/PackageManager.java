package android.content.pm;

import android.util.AndroidException;

public abstract class PackageManager {
  public PackageManager() {
    throw new UnsupportedOperationException();
  }

  public abstract PackageInfo getPackageInfo(String packageName, int flags) throws NameNotFoundException;

  public static class NameNotFoundException extends AndroidException {
    private static final long serialVersionUID = 1L;
  }
}
