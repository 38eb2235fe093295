package io.edgebert.demo;

import android.app.Activity;
import android.app.Instrumentation;
import android.os.Bundle;
import io.edgebert.core.EdgebertException;

/**
 * Makes one trial without a screen, for {@code adb shell am instrument -w -e request NAME}. The system starts a fresh
 * process for it. The answer goes to the file beside the request, and to the one who asked.
 */
public final class BenchmarkInstrumentation extends Instrumentation {
  // What stands under this key is printed as it is.
  private static final String PRINTED = "stream";

  private String request;

  /** Called by the system. */
  public BenchmarkInstrumentation() {}

  @Override
  public void onCreate(Bundle arguments) {
    super.onCreate(arguments);
    request = arguments == null ? null : arguments.getString(BenchmarkActivity.REQUEST);
    start();
  }

  @Override
  public void onStart() {
    super.onStart();
    Bundle results = new Bundle();
    int code = Activity.RESULT_CANCELED;
    try {
      if (request == null) {
        throw new EdgebertException(
            EdgebertException.Kind.BAD_REQUEST, "no request was named; add -e request NAME, a file in the app's folder");
      }
      results.putString(PRINTED, "\n" + new Benchmark(getTargetContext()).answer(request));
      code = Activity.RESULT_OK;
    } catch (EdgebertException error) {
      results.putString(PRINTED, "\nerror: " + error.getMessage() + "\n");
    }
    finish(code, results);
  }
}
