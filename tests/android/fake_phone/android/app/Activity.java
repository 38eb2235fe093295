package android.app;

import android.content.ComponentCallbacks2;
import android.content.Context;
import android.content.Intent;
import android.os.Bundle;
import android.view.ContextThemeWrapper;
import android.view.View;
import fake.Phone;
import java.util.HashMap;
import java.util.Map;

public class Activity extends ContextThemeWrapper implements ComponentCallbacks2 {
  public Object kept;
  public boolean turning;
  public Intent intent = new Intent();
  private final Map<Integer, View> views = new HashMap<>();
  private boolean shown;

  protected void onCreate(Bundle saved) {}

  protected void onDestroy() {}

  public final void create(Bundle saved) {
    onCreate(saved);
  }

  public final void destroy() {
    onDestroy();
  }

  public void setContentView(int layout) {
    shown = true;
  }

  @SuppressWarnings("unchecked")
  public <T extends View> T findViewById(int id) {
    if (!shown) {
      throw new IllegalStateException("no layout was set");
    }
    return (T) views.computeIfAbsent(id, this::made);
  }

  private View made(int id) {
    String name = Phone.VIEWS.get(Phone.name("id", id));
    try {
      String place = name.equals("View") ? "android.view." : "android.widget.";
      return (View) Class.forName(place + name).getConstructor(Context.class).newInstance(this);
    } catch (ReflectiveOperationException error) {
      throw new IllegalStateException(error);
    }
  }

  public Object getLastNonConfigurationInstance() {
    return kept;
  }

  public Object onRetainNonConfigurationInstance() {
    return null;
  }

  public boolean isChangingConfigurations() {
    return turning;
  }

  public Intent getIntent() {
    return intent;
  }

  @Override
  public void onTrimMemory(int level) {}
}
