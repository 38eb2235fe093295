package android.app;

import android.content.Context;
import android.os.Bundle;

public class Instrumentation {
  public int code = Integer.MIN_VALUE;
  public Bundle results;

  public void onCreate(Bundle arguments) {}

  /** Real instrumentation begins on a thread of its own; so does the driver's. */
  public void start() {
    onStart();
  }

  public void onStart() {}

  public void finish(int code, Bundle results) {
    this.code = code;
    this.results = results;
  }

  public Context getTargetContext() {
    return new Context();
  }
}
