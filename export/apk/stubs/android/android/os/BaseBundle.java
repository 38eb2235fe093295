package android.os;

public class BaseBundle {
  BaseBundle() {
    throw new UnsupportedOperationException();
  }

  public String getString(String key) {
    throw new UnsupportedOperationException();
  }

  public String getString(String key, String defaultValue) {
    throw new UnsupportedOperationException();
  }

  public void putString(String key, String value) {
    throw new UnsupportedOperationException();
  }
}
