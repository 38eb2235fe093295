package android.content;

public class Intent {
  public static final String ACTION_BATTERY_CHANGED = "android.intent.action.BATTERY_CHANGED";

  public Intent(Context packageContext, Class<?> cls) {
    throw new UnsupportedOperationException();
  }

  public Intent putExtra(String name, String value) {
    throw new UnsupportedOperationException();
  }

  public Intent putExtra(String name, int value) {
    throw new UnsupportedOperationException();
  }

  public String getStringExtra(String name) {
    throw new UnsupportedOperationException();
  }

  public int getIntExtra(String name, int defaultValue) {
    throw new UnsupportedOperationException();
  }
}
