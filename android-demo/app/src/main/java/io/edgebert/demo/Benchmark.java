package io.edgebert.demo;

import android.content.Context;
import io.edgebert.core.Artifact;
import io.edgebert.core.BenchmarkRequest;
import io.edgebert.core.BenchmarkRunner;
import io.edgebert.core.Bundle;
import io.edgebert.core.EdgebertException;
import io.edgebert.core.WorkerFrame;
import java.io.File;
import java.io.IOException;
import java.util.Map;

/**
 * One trial of the worker's contract, made in a process that has done nothing else. Answers go into the app's folder on
 * the shared storage, where adb finds them.
 */
final class Benchmark {
  /** What follows the name of a request in the name of its answer. */
  static final String ANSWER = ".answer";

  private static final int WARM_UP = 5;
  private static final int RUNS = 100;

  private final Models models;
  private final Bundle bundle;
  private final BenchmarkRunner runner;
  private final TrialFolder folder;

  /**
   * Notes the start of a trial.
   *
   * @throws EdgebertException the bundle in the app cannot be used, or there is no folder for the answer
   */
  Benchmark(Context context) throws EdgebertException {
    folder = new TrialFolder(context.getExternalFilesDir(null));
    models = new Models(context);
    bundle = models.bundle();
    runner = new BenchmarkRunner(bundle, models.files(bundle), models.runtime(), new AndroidBattery(context));
  }

  /**
   * Carries out the request in a file, writes the answer beside it and returns it. A failure is an answer as well.
   *
   * @param name name of the file in the app's folder on the shared storage
   * @throws EdgebertException the file cannot be read, or the answer not be written
   */
  String answer(String name) throws EdgebertException {
    String answer = WorkerFrame.answer(runner, folder.read(name));
    folder.write(name + ANSWER, answer);
    return answer;
  }

  /**
   * Times the golden texts, as the screen does.
   *
   * @param choice model file and threads
   * @throws EdgebertException anything went wrong
   */
  Trial timeGoldenTexts(Choice choice) throws EdgebertException {
    Artifact artifact =
        choice.file() == null ? models.offered(bundle).get(0) : bundle.manifest().artifact(choice.file());
    Map<String, Object> trial =
        runner.run(
            BenchmarkRequest.ofGoldenTexts(bundle, artifact, models.runtime(), choice.threads(), WARM_UP, RUNS));
    File written = folder.write("trial-" + System.currentTimeMillis() + ANSWER, WorkerFrame.frame(trial));
    return new Trial(trial, written);
  }

  /** The app's folder on the shared storage. */
  private static final class TrialFolder {
    private static final int LONGEST_REQUEST = 16 << 20;

    private final File folder;

    TrialFolder(File folder) throws EdgebertException {
      if (folder == null) {
        throw new EdgebertException(
            EdgebertException.Kind.NO_SPACE, "the shared storage of the phone is not there, so no answer can be written");
      }
      this.folder = folder;
    }

    String read(String name) throws EdgebertException {
      try {
        return TextFiles.read(inside(name), LONGEST_REQUEST);
      } catch (IOException error) {
        throw new EdgebertException(
            EdgebertException.Kind.BAD_REQUEST, name + ": cannot be read: " + error.getMessage(), error);
      }
    }

    File write(String name, String text) throws EdgebertException {
      File file = inside(name);
      try {
        TextFiles.write(file, text);
        return file;
      } catch (IOException error) {
        throw new EdgebertException(
            EdgebertException.Kind.NO_SPACE, name + ": cannot be written: " + error.getMessage(), error);
      }
    }

    private File inside(String name) throws EdgebertException {
      if (name.isEmpty() || name.startsWith(".") || name.indexOf('/') >= 0 || name.indexOf('\0') >= 0) {
        throw new EdgebertException(
            EdgebertException.Kind.BAD_REQUEST, "\"" + name + "\" is not the name of a file in " + folder);
      }
      return new File(folder, name);
    }
  }
}
