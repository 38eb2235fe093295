package android.content;

import android.content.pm.ApplicationInfo;
import android.content.pm.PackageManager;
import android.content.res.AssetManager;
import android.content.res.Resources;
import fake.Phone;
import java.io.File;
import java.util.HashMap;

public class Context {
  public AssetManager getAssets() {
    return new AssetManager();
  }

  public Resources getResources() {
    return new Resources();
  }

  public PackageManager getPackageManager() {
    return new PackageManager();
  }

  public String getPackageName() {
    return "io.edgebert.demo";
  }

  public ApplicationInfo getApplicationInfo() {
    ApplicationInfo info = new ApplicationInfo();
    info.flags = Phone.debuggable ? 2 : 0;
    return info;
  }

  public Context getApplicationContext() {
    return new Context();
  }

  public SharedPreferences getSharedPreferences(String name, int mode) {
    return new StoredPreferences(Phone.PREFERENCES.computeIfAbsent(name, key -> new HashMap<>()));
  }

  public File getNoBackupFilesDir() {
    return made("no_backup");
  }

  public File getExternalFilesDir(String type) {
    return Phone.storage ? made("external") : null;
  }

  public void startActivity(Intent intent) {
    Phone.STARTED.add(intent.toString());
  }

  public Intent registerReceiver(BroadcastReceiver receiver, IntentFilter filter) {
    Intent battery = new Intent();
    battery.putExtra("level", 42);
    battery.putExtra("scale", 50);
    battery.putExtra("status", 3);
    return battery;
  }

  public final String getString(int id) {
    return Phone.TEXTS.get(Phone.name("string", id));
  }

  public final String getString(int id, Object... arguments) {
    return String.format(getString(id), arguments);
  }

  public final int getColor(int id) {
    return id;
  }

  private static File made(String name) {
    File folder = new File(Phone.root, name);
    folder.mkdirs();
    return folder;
  }
}
