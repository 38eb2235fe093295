package android.app;

import android.content.Context;
import android.os.Bundle;

public class Instrumentation {
  public Instrumentation() {
    throw new UnsupportedOperationException();
  }

  public void onCreate(Bundle arguments) {
    throw new UnsupportedOperationException();
  }

  public void start() {
    throw new UnsupportedOperationException();
  }

  public void onStart() {
    throw new UnsupportedOperationException();
  }

  public void finish(int resultCode, Bundle results) {
    throw new UnsupportedOperationException();
  }

  public Context getTargetContext() {
    throw new UnsupportedOperationException();
  }
}
