package android.content.pm;

import fake.Phone;

public class PackageManager {
  public PackageInfo getPackageInfo(String name, int flags) throws NameNotFoundException {
    PackageInfo info = new PackageInfo();
    info.lastUpdateTime = Phone.updated;
    return info;
  }

  public static class NameNotFoundException extends Exception {
    private static final long serialVersionUID = 1L;
  }
}
