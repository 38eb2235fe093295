package fake;

import java.io.File;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** The one phone of the process: folders in place of its storage, and a thread that draws. */
public final class Phone {
  public static final ExecutorService DRAWING = Executors.newSingleThreadExecutor(task -> new Thread(task, "main"));
  public static final Map<String, String> ENVIRONMENT = Collections.synchronizedMap(new HashMap<>());
  public static final List<String> STARTED = Collections.synchronizedList(new ArrayList<>());
  public static final Map<String, Map<String, String>> PREFERENCES = new HashMap<>();

  /** Texts by the names of the resources, and the class of each view by the name of its id. */
  public static final Map<String, String> TEXTS = new HashMap<>();

  public static final Map<String, String> VIEWS = new HashMap<>();

  public static File root;
  public static boolean debuggable;
  public static boolean storage = true;
  public static long updated = 1;
  public static int killed;
  public static int crashes;

  private Phone() {}

  /** Runs something on the thread that draws, as the system does, and returns what came of it. */
  public static <T> T onDrawing(Callable<T> action) throws Exception {
    return DRAWING.submit(action).get();
  }

  /** Posts to the thread that draws; an exception there would be a crash. */
  public static void post(Runnable action) {
    DRAWING.execute(
        () -> {
          try {
            action.run();
          } catch (Throwable error) {
            crashes++;
            error.printStackTrace();
          }
        });
  }

  /** Returns the name of a resource. */
  public static String name(String kind, int id) {
    try {
      for (Field field : Class.forName("io.edgebert.demo.R$" + kind).getFields()) {
        if (field.getInt(null) == id) {
          return field.getName();
        }
      }
    } catch (ReflectiveOperationException error) {
      throw new IllegalStateException(error);
    }
    throw new IllegalStateException("no " + kind + " has the id " + id);
  }
}
