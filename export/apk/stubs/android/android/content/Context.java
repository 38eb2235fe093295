package android.content;

import android.content.pm.ApplicationInfo;
import android.content.pm.PackageManager;
import android.content.res.AssetManager;
import android.content.res.Resources;
import java.io.File;

public abstract class Context {
  public static final int MODE_PRIVATE = 0;

  public Context() {
    throw new UnsupportedOperationException();
  }

  public abstract AssetManager getAssets();

  public abstract Resources getResources();

  public abstract PackageManager getPackageManager();

  public abstract String getPackageName();

  public abstract ApplicationInfo getApplicationInfo();

  public abstract Context getApplicationContext();

  public abstract SharedPreferences getSharedPreferences(String name, int mode);

  public abstract File getCacheDir();

  public abstract File getNoBackupFilesDir();

  public abstract File getExternalFilesDir(String type);

  public abstract void startActivity(Intent intent);

  public abstract Intent registerReceiver(BroadcastReceiver receiver, IntentFilter filter);

  public final String getString(int resId) {
    throw new UnsupportedOperationException();
  }

  public final String getString(int resId, Object... formatArgs) {
    throw new UnsupportedOperationException();
  }

  public final int getColor(int id) {
    throw new UnsupportedOperationException();
  }
}
