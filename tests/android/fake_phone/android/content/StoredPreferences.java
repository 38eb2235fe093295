package android.content;

import java.util.Map;

final class StoredPreferences implements SharedPreferences, SharedPreferences.Editor {
  private final Map<String, String> values;

  StoredPreferences(Map<String, String> values) {
    this.values = values;
  }

  @Override
  public String getString(String key, String otherwise) {
    return values.getOrDefault(key, otherwise);
  }

  @Override
  public Editor edit() {
    return this;
  }

  @Override
  public Editor putString(String key, String value) {
    values.put(key, value);
    return this;
  }

  @Override
  public void apply() {}
}
