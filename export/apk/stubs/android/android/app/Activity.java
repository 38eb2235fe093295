package android.app;

import android.content.ComponentCallbacks2;
import android.content.Intent;
import android.os.Bundle;
import android.view.ContextThemeWrapper;
import android.view.View;

public class Activity extends ContextThemeWrapper implements ComponentCallbacks2 {
  public static final int RESULT_CANCELED = 0;
  public static final int RESULT_OK = -1;

  public Activity() {
    throw new UnsupportedOperationException();
  }

  protected void onCreate(Bundle savedInstanceState) {
    throw new UnsupportedOperationException();
  }

  protected void onDestroy() {
    throw new UnsupportedOperationException();
  }

  public void setContentView(int layoutResID) {
    throw new UnsupportedOperationException();
  }

  public <T extends View> T findViewById(int id) {
    throw new UnsupportedOperationException();
  }

  public Object getLastNonConfigurationInstance() {
    throw new UnsupportedOperationException();
  }

  public Object onRetainNonConfigurationInstance() {
    throw new UnsupportedOperationException();
  }

  public boolean isChangingConfigurations() {
    throw new UnsupportedOperationException();
  }

  public boolean isFinishing() {
    throw new UnsupportedOperationException();
  }

  public Intent getIntent() {
    throw new UnsupportedOperationException();
  }

  @Override
  public void onTrimMemory(int level) {
    throw new UnsupportedOperationException();
  }
}
