package android.content;

import android.content.pm.ApplicationInfo;
import android.content.pm.PackageManager;
import android.content.res.AssetManager;
import android.content.res.Resources;
import java.io.File;

public class ContextWrapper extends Context {
  public ContextWrapper(Context base) {
    throw new UnsupportedOperationException();
  }

  @Override
  public AssetManager getAssets() {
    throw new UnsupportedOperationException();
  }

  @Override
  public Resources getResources() {
    throw new UnsupportedOperationException();
  }

  @Override
  public PackageManager getPackageManager() {
    throw new UnsupportedOperationException();
  }

  @Override
  public String getPackageName() {
    throw new UnsupportedOperationException();
  }

  @Override
  public ApplicationInfo getApplicationInfo() {
    throw new UnsupportedOperationException();
  }

  @Override
  public Context getApplicationContext() {
    throw new UnsupportedOperationException();
  }

  @Override
  public SharedPreferences getSharedPreferences(String name, int mode) {
    throw new UnsupportedOperationException();
  }

  @Override
  public File getCacheDir() {
    throw new UnsupportedOperationException();
  }

  @Override
  public File getNoBackupFilesDir() {
    throw new UnsupportedOperationException();
  }

  @Override
  public File getExternalFilesDir(String type) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Intent registerReceiver(BroadcastReceiver receiver, IntentFilter filter) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void startActivity(Intent intent) {
    throw new UnsupportedOperationException();
  }
}
