package io.edgebert.demo;

import android.app.Activity;
import android.os.Bundle;
import android.os.Handler;
import android.os.Looper;
import android.os.Process;
import android.widget.TextView;
import io.edgebert.core.EdgebertException;
import io.edgebert.core.Statistics;
import java.io.File;

/** Makes one trial in a process of its own and shows what came out. */
public final class BenchmarkActivity extends Activity {
  /** Extra with the name of a request in the app's folder on the shared storage. */
  static final String REQUEST = "request";

  /** Extra with the model file to time when there is no request; by default the one that ships. */
  static final String FILE = "file";

  /** Extra with the number of threads for it. */
  static final String THREADS = "threads";

  private static final double NINE_OF_TEN = 0.9;

  private final Handler drawing = new Handler(Looper.getMainLooper());
  private final Thread trial = new Thread(this::measure, "edgebert-benchmark");
  private TextView outcome;

  /** Called by the system. */
  public BenchmarkActivity() {}

  @Override
  protected void onCreate(Bundle saved) {
    super.onCreate(saved);
    setContentView(R.layout.benchmark);
    outcome = findViewById(R.id.outcome);
    trial.start();
  }

  @Override
  protected void onDestroy() {
    super.onDestroy();
    trial.interrupt();
    // The next trial needs a process that has done nothing yet.
    Process.killProcess(Process.myPid());
  }

  private void measure() {
    String text;
    try {
      text = outcome();
    } catch (EdgebertException error) {
      text = Messages.of(this, error);
    } catch (OutOfMemoryError error) {
      text = getString(R.string.error_out_of_memory);
    } catch (RuntimeException error) {
      text = getString(R.string.error_runtime_failure) + "\n" + getString(R.string.error_details, error.toString());
    }
    String shown = text;
    drawing.post(() -> outcome.setText(shown));
  }

  private String outcome() throws EdgebertException {
    Benchmark benchmark = new Benchmark(getApplicationContext());
    String request = getIntent().getStringExtra(REQUEST);
    if (request != null) {
      benchmark.answer(request);
      return getString(R.string.benchmark_file, request + Benchmark.ANSWER);
    }
    Choice choice =
        new Choice(getIntent().getStringExtra(FILE), getIntent().getIntExtra(THREADS, Choice.USUAL_THREADS));
    Trial done = benchmark.timeGoldenTexts(choice);
    File file = done.file();
    return describe(done) + "\n" + getString(R.string.benchmark_file, file.getPath());
  }

  private String describe(Trial done) {
    long[] runNs = done.runNs();
    String median = Numbers.milliseconds(Statistics.median(runNs));
    String most = Numbers.milliseconds(Statistics.quantile(runNs, NINE_OF_TEN));
    return getString(R.string.benchmark_done, median, most, runNs.length, done.threads())
        + "\n"
        + getString(R.string.benchmark_first, Numbers.milliseconds(done.loadNs()), Numbers.milliseconds(done.firstNs()));
  }
}
