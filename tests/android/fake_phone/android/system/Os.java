package android.system;

import fake.Phone;

public final class Os {
  public static void setenv(String name, String value, boolean overwrite) throws ErrnoException {
    Phone.ENVIRONMENT.put(name, value);
  }
}
