package android.content;

import java.util.Map;
import java.util.TreeMap;

public class Intent {
  private final Map<String, Object> extras = new TreeMap<>();
  private String target = "";

  public Intent() {}

  public Intent(Context context, Class<?> target) {
    this.target = target.getSimpleName();
  }

  public Intent putExtra(String name, String value) {
    extras.put(name, value);
    return this;
  }

  public Intent putExtra(String name, int value) {
    extras.put(name, value);
    return this;
  }

  public String getStringExtra(String name) {
    return (String) extras.get(name);
  }

  public int getIntExtra(String name, int otherwise) {
    return (Integer) extras.getOrDefault(name, otherwise);
  }

  @Override
  public String toString() {
    return target + extras;
  }
}
