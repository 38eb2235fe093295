package fake;

import android.app.Activity;
import android.app.Instrumentation;
import android.os.Bundle;
import android.text.SpannableStringBuilder;
import android.view.View;
import android.widget.ArrayAdapter;
import android.widget.LinearLayout;
import android.widget.ProgressBar;
import android.widget.Spinner;
import android.widget.TextView;
import io.edgebert.core.Json;
import io.edgebert.core.JsonWriter;
import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Uses the app as a person and the system do, told line by line, and says what the screen shows. */
public final class AppDriver {
  private static final long PATIENCE_MS = 30_000;

  private Activity screen;

  private AppDriver() {}

  /** Answers a line of JSON for each line of JSON. */
  public static void main(String[] arguments) throws Exception {
    Phone.root = new File(arguments[0]);
    // The name "main" is that of the thread that draws.
    Thread.currentThread().setName("driver");
    AppDriver driver = new AppDriver();
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
    try {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        Map<?, ?> call = (Map<?, ?>) Json.parse(line, "the call");
        System.out.println(JsonWriter.write(driver.answer((String) call.get("call"), call)));
      }
    } catch (Exception error) {
      error.printStackTrace();
      // The thread that draws would keep the process alive.
      System.exit(1);
    }
    System.exit(0);
  }

  private Object answer(String name, Map<?, ?> call) throws Exception {
    switch (name) {
      case "phone":
        for (Map.Entry<?, ?> entry : ((Map<?, ?>) call.get("texts")).entrySet()) {
          Phone.TEXTS.put((String) entry.getKey(), (String) entry.getValue());
        }
        for (Map.Entry<?, ?> entry : ((Map<?, ?>) call.get("views")).entrySet()) {
          Phone.VIEWS.put((String) entry.getKey(), (String) entry.getValue());
        }
        Phone.debuggable = (Boolean) call.get("debuggable");
        Phone.storage = (Boolean) call.get("storage");
        return null;
      case "update":
        Phone.updated++;
        return null;
      case "start":
        screen = Phone.onDrawing(() -> shown((String) call.get("screen"), null, extras(call)));
        return null;
      case "turn":
        screen = Phone.onDrawing(this::turned);
        return null;
      case "leave":
        Phone.onDrawing(
            () -> {
              screen.destroy();
              return null;
            });
        return null;
      case "type":
        Phone.onDrawing(
            () -> {
              StringBuilder text = new StringBuilder();
              for (Object unit : (List<?>) call.get("units")) {
                text.append((char) ((Long) unit).intValue());
              }
              ((TextView) view((String) call.get("id"))).setText(text.toString());
              return null;
            });
        return null;
      case "tap":
        Phone.onDrawing(
            () -> {
              for (long left = (Long) call.get("times"); left > 0; left--) {
                view((String) call.get("id")).click();
              }
              return null;
            });
        return null;
      case "choose":
        Phone.onDrawing(
            () -> {
              ((Spinner) view((String) call.get("id"))).setSelection(((Long) call.get("place")).intValue());
              return null;
            });
        return null;
      case "trim":
        Phone.onDrawing(
            () -> {
              screen.onTrimMemory(((Long) call.get("level")).intValue());
              return null;
            });
        return null;
      case "show":
        return settled((List<?>) call.get("unsettled"), (String) call.get("status"));
      case "instrument":
        return instrumented((String) call.get("request"));
      default:
        throw new IllegalArgumentException(name);
    }
  }

  private static Map<?, ?> extras(Map<?, ?> call) {
    return (Map<?, ?>) call.get("extras");
  }

  private static Activity shown(String name, Object kept, Map<?, ?> extras) throws Exception {
    Activity activity =
        (Activity) Class.forName("io.edgebert.demo." + name).getDeclaredConstructor().newInstance();
    activity.kept = kept;
    for (Map.Entry<?, ?> extra : extras.entrySet()) {
      if (extra.getValue() instanceof Long) {
        activity.intent.putExtra((String) extra.getKey(), ((Long) extra.getValue()).intValue());
      } else {
        activity.intent.putExtra((String) extra.getKey(), (String) extra.getValue());
      }
    }
    activity.create(kept == null ? null : new Bundle());
    return activity;
  }

  /** Does what the system does when the phone is turned: text and selections come back, the session is handed over. */
  private Activity turned() throws Exception {
    Activity old = screen;
    CharSequence text = ((TextView) view("text")).getText();
    CharSequence second = ((TextView) view("second")).getText();
    int threads = ((Spinner) view("threads")).getSelectedItemPosition();
    old.turning = true;
    Object kept = old.onRetainNonConfigurationInstance();
    old.destroy();
    screen = shown(old.getClass().getSimpleName(), kept, new LinkedHashMap<>());
    ((TextView) view("text")).setText(text);
    ((TextView) view("second")).setText(second);
    ((Spinner) view("threads")).setSelection(threads);
    return screen;
  }

  private View view(String name) throws ReflectiveOperationException {
    return screen.findViewById(Class.forName("io.edgebert.demo.R$id").getField(name).getInt(null));
  }

  /** Waits until the status is none of some texts, then returns what the screen shows. */
  private Object settled(List<?> unsettled, String status) throws Exception {
    long end = System.currentTimeMillis() + PATIENCE_MS;
    while (System.currentTimeMillis() < end) {
      // What was posted before comes first.
      Map<String, Object> shown = Phone.onDrawing(this::shown);
      if (!unsettled.contains(((Map<?, ?>) shown.get(status)).get("text"))) {
        return shown;
      }
      Thread.sleep(5);
    }
    throw new IllegalStateException("nothing changed for 30 seconds");
  }

  private Map<String, Object> shown() throws ReflectiveOperationException {
    Map<String, Object> shown = new LinkedHashMap<>();
    for (String name : Phone.VIEWS.keySet()) {
      shown.put(name, seen(view(name)));
    }
    List<Object> threads = new ArrayList<>();
    for (Thread thread : Thread.getAllStackTraces().keySet()) {
      threads.add(thread.getName());
    }
    shown.put("threads running", threads);
    shown.put("environment", new LinkedHashMap<>(Phone.ENVIRONMENT));
    shown.put("started", new ArrayList<>(Phone.STARTED));
    shown.put("killed", Phone.killed);
    shown.put("crashes", Phone.crashes);
    return shown;
  }

  private static Map<String, Object> seen(View view) {
    Map<String, Object> seen = new LinkedHashMap<>();
    seen.put("visible", view.visibility == 0);
    seen.put("description", view.description == null ? null : view.description.toString());
    if (view instanceof TextView) {
      CharSequence text = ((TextView) view).getText();
      seen.put("text", text.toString());
      boolean marked = text instanceof SpannableStringBuilder;
      seen.put("marks", marked ? new ArrayList<>(((SpannableStringBuilder) text).spans) : new ArrayList<>());
    } else if (view instanceof ProgressBar) {
      seen.put("share", (double) ((ProgressBar) view).progress / ((ProgressBar) view).max);
    } else if (view instanceof Spinner) {
      seen.put("place", ((Spinner) view).getSelectedItemPosition());
      Object adapter = ((Spinner) view).adapter;
      seen.put("items", adapter == null ? null : new ArrayList<Object>(((ArrayAdapter<?>) adapter).items));
    } else if (view instanceof LinearLayout) {
      List<Object> children = new ArrayList<>();
      for (View child : ((LinearLayout) view).children) {
        children.add(seen(child));
      }
      seen.put("children", children);
    }
    return seen;
  }

  private static Object instrumented(String request) throws Exception {
    Instrumentation instrumentation =
        (Instrumentation) Class.forName("io.edgebert.demo.BenchmarkInstrumentation").getDeclaredConstructor().newInstance();
    Bundle given = new Bundle();
    if (request != null) {
      given.putString("request", request);
    }
    instrumentation.onCreate(given);
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("code", instrumentation.code);
    result.put("printed", instrumentation.results.getString("stream"));
    return result;
  }
}
