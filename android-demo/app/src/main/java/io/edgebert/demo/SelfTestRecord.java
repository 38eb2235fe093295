package io.edgebert.demo;

import android.content.Context;
import android.content.SharedPreferences;
import android.content.pm.PackageInfo;
import android.content.pm.PackageManager;
import android.os.Build;
import io.edgebert.core.Artifact;
import io.edgebert.core.ModelRuntime;

/**
 * Remembers which models have passed their self-test. A test that passed holds for this app on this system; after an
 * update of either the model is tested again.
 */
final class SelfTestRecord {
  private final SharedPreferences preferences;
  private final String here;

  SelfTestRecord(Context context) {
    preferences = context.getSharedPreferences("self-tests", Context.MODE_PRIVATE);
    here = Build.FINGERPRINT + " " + updated(context);
  }

  private static long updated(Context context) {
    try {
      PackageInfo info = context.getPackageManager().getPackageInfo(context.getPackageName(), 0);
      return info.lastUpdateTime;
    } catch (PackageManager.NameNotFoundException error) {
      throw new IllegalStateException("the app knows itself", error);
    }
  }

  boolean has(Artifact artifact, ModelRuntime runtime, int threads) {
    return here.equals(preferences.getString(key(artifact, runtime, threads), null));
  }

  void add(Artifact artifact, ModelRuntime runtime, int threads) {
    preferences.edit().putString(key(artifact, runtime, threads), here).apply();
  }

  private static String key(Artifact artifact, ModelRuntime runtime, int threads) {
    return artifact.entry().sha256() + " " + runtime.name() + " " + threads;
  }
}
