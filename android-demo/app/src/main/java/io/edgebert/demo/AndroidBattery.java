package io.edgebert.demo;

import android.content.Context;
import android.content.Intent;
import android.content.IntentFilter;
import android.os.BatteryManager;
import io.edgebert.core.Battery;

/** The battery as the system announces it: Linux's own files are closed to apps. */
final class AndroidBattery implements Battery {
  private final Context context;

  AndroidBattery(Context context) {
    this.context = context;
  }

  @Override
  public Integer percent() {
    Intent state = state();
    int level = state == null ? -1 : state.getIntExtra(BatteryManager.EXTRA_LEVEL, -1);
    int scale = state == null ? -1 : state.getIntExtra(BatteryManager.EXTRA_SCALE, -1);
    return level < 0 || scale <= 0 ? null : Integer.valueOf(level * 100 / scale);
  }

  @Override
  public String status() {
    Intent state = state();
    switch (state == null ? -1 : state.getIntExtra(BatteryManager.EXTRA_STATUS, -1)) {
      case BatteryManager.BATTERY_STATUS_CHARGING:
        return "Charging";
      case BatteryManager.BATTERY_STATUS_DISCHARGING:
        return "Discharging";
      case BatteryManager.BATTERY_STATUS_NOT_CHARGING:
        return "Not charging";
      case BatteryManager.BATTERY_STATUS_FULL:
        return "Full";
      default:
        return null;
    }
  }

  /** Returns the latest announcement, which the system keeps, or null. */
  private Intent state() {
    return context.registerReceiver(null, new IntentFilter(Intent.ACTION_BATTERY_CHANGED));
  }
}
