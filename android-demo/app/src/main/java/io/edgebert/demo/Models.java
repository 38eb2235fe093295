package io.edgebert.demo;

import android.content.Context;
import android.content.pm.ApplicationInfo;
import io.edgebert.core.Artifact;
import io.edgebert.core.Backend;
import io.edgebert.core.Bundle;
import io.edgebert.core.EdgebertException;
import io.edgebert.core.ModelFiles;
import io.edgebert.core.ModelRuntime;
import io.edgebert.core.ModelStore;
import io.edgebert.core.SelfTest;
import io.edgebert.core.TextModel;
import java.io.File;
import java.util.ArrayList;
import java.util.List;

/** The models in the app. Nothing here may be called on the thread that draws: files of many megabytes are read. */
final class Models {
  private final ModelRuntime runtime = Engine.runtime();
  private final AssetSource assets;
  private final File copies;
  private final SelfTestRecord passed;
  private final boolean debuggable;

  Models(Context context) {
    assets = new AssetSource(context.getAssets());
    copies = new File(context.getNoBackupFilesDir(), "models");
    passed = new SelfTestRecord(context);
    debuggable = (context.getApplicationInfo().flags & ApplicationInfo.FLAG_DEBUGGABLE) != 0;
  }

  /**
   * Returns the bundle in the app.
   *
   * @throws EdgebertException it is missing, damaged, of a newer schema, or of a task this app does not know
   */
  Bundle bundle() throws EdgebertException {
    return Bundle.open(assets);
  }

  /**
   * Returns the model files that the runtime in this app can run, those that ship first. The baseline is among them only
   * in debug builds.
   *
   * @throws EdgebertException there are none
   */
  List<Artifact> offered(Bundle bundle) throws EdgebertException {
    List<Artifact> offered = new ArrayList<>();
    for (Artifact artifact : bundle.manifest().artifacts()) {
      if (!artifact.format().equals(runtime.format()) || !assets.has(artifact.file())) {
        continue;
      }
      if (!artifact.baseline()) {
        offered.add(0, artifact);
      } else if (debuggable) {
        offered.add(artifact);
      }
    }
    if (offered.isEmpty()) {
      throw new EdgebertException(
          EdgebertException.Kind.MISSING_FILE,
          "the app holds no " + runtime.format() + " file, which " + runtime.name() + " needs");
    }
    return offered;
  }

  /** Returns where the copies are that a runtime can open by their path. */
  ModelFiles files(Bundle bundle) {
    return new ModelStore(bundle, copies);
  }

  /** Returns the runtime, with its telemetry off. */
  ModelRuntime runtime() {
    Telemetry.turnOff();
    return runtime;
  }

  /**
   * Opens a model that has passed its self-test on this phone.
   *
   * @throws EdgebertException anything is wrong with it
   */
  TextModel<Object> open(Bundle bundle, Artifact artifact, int threads) throws EdgebertException {
    Backend backend = runtime().open(artifact, files(bundle).path(artifact), threads);
    boolean usable = false;
    try {
      TextModel<Object> model = TextModel.open(bundle, artifact, backend);
      if (!passed.has(artifact, runtime, threads)) {
        SelfTest.run(model, bundle.golden(artifact), artifact.tolerance()).check();
        passed.add(artifact, runtime, threads);
      }
      usable = true;
      return model;
    } finally {
      if (!usable) {
        backend.close();
      }
    }
  }
}
