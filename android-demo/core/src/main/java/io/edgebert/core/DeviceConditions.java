package io.edgebert.core;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What can be read of the device at one moment of a benchmark: clocks, heat, load, battery.
 *
 * <p>Android keeps most of it from apps; what cannot be read is null or empty, never a guess.
 */
final class DeviceConditions {
  private static final double COLDEST = -40;
  private static final double HOTTEST = 150;
  private static final String THERMAL = "sys/class/thermal/";

  // Phones show current, voltage and charge of the battery among the thermal zones.
  private static final String[] NO_TEMPERATURE = {"ibat", "vbat", "bcl"};

  private final SystemFiles files;
  private final Battery battery;
  private final List<Integer> processors;

  DeviceConditions(SystemFiles files, Battery battery) {
    this.files = files;
    this.battery = battery;
    List<Integer> allowed = SystemFiles.processors(files.field("proc/self/status", "Cpus_allowed_list"));
    processors = allowed.isEmpty() ? firstProcessors(Runtime.getRuntime().availableProcessors()) : allowed;
  }

  private static List<Integer> firstProcessors(int count) {
    List<Integer> numbers = new ArrayList<>();
    for (int number = 0; number < count; number++) {
      numbers.add(number);
    }
    return numbers;
  }

  /** Returns the numbers of the processors that this process may run on, ascending. */
  List<Integer> processors() {
    return processors;
  }

  /** Returns the largest resident memory so far in bytes, or null if the system does not say. */
  Long peakBytes() {
    String value = files.field("proc/self/status", "VmHWM");
    if (!value.endsWith(" kB")) {
      return null;
    }
    Long kibibytes = SystemFiles.wholeNumber(value.substring(0, value.length() - " kB".length()));
    return kibibytes == null ? null : kibibytes * 1024;
  }

  /**
   * Reads them.
   *
   * @param moment {@code before}, {@code during} or {@code after}
   * @param atNs nanoseconds since the start
   */
  Map<String, Object> read(String moment, long atNs) {
    Map<String, Object> read = new LinkedHashMap<>();
    read.put("moment", moment);
    read.put("at_ns", atNs);
    read.put("freq_khz", frequencies());
    read.put("governor", governors());
    read.put("temperatures", temperatures());
    read.put("cooling", cooling());
    read.put("throttle_count", null);
    read.put("load", load(files.text("proc/loadavg")));
    read.put("battery_percent", battery.percent());
    read.put("battery_status", battery.status());
    read.put("energy_uj", new ArrayList<>());
    return read;
  }

  /** Returns the degrees that a thermal zone reports, or null when its number is no temperature of a device. */
  static Double celsius(Long number) {
    if (number == null) {
      return null;
    }
    // The kernel's unit is a thousandth of a degree; some vendors write whole degrees. A plain 0 is a sensor that is off.
    double celsius = number > 0 && number <= HOTTEST ? number : number / 1000.0;
    boolean known = number > 0 && number <= HOTTEST || Math.abs(number) >= 1000;
    return known && celsius > COLDEST && celsius < HOTTEST ? celsius : null;
  }

  private static Double load(String text) {
    int end = text.indexOf(' ');
    try {
      double load = Double.parseDouble(end < 0 ? text : text.substring(0, end));
      return load >= 0 && load < 1e9 ? load : null;
    } catch (NumberFormatException error) {
      return null;
    }
  }

  private List<Object> frequencies() {
    List<Object> found = new ArrayList<>();
    for (int processor : processors) {
      Long khz = files.whole("sys/devices/system/cpu/cpu" + processor + "/cpufreq/scaling_cur_freq");
      if (khz == null || khz <= 0) {
        // Half a list could not say whose frequencies they are.
        return new ArrayList<>();
      }
      found.add(khz);
    }
    return found;
  }

  private List<Object> governors() {
    List<Object> found = new ArrayList<>();
    for (int processor : processors) {
      String governor = files.label("sys/devices/system/cpu/cpu" + processor + "/cpufreq/scaling_governor");
      if (governor.isEmpty()) {
        return new ArrayList<>();
      }
      found.add(governor);
    }
    return found;
  }

  private List<Object> temperatures() {
    List<Object> found = new ArrayList<>();
    for (String zone : files.listed(THERMAL, "thermal_zone")) {
      String type = files.label(THERMAL + zone + "/type");
      Double celsius = isTemperature(type) ? celsius(files.whole(THERMAL + zone + "/temp")) : null;
      if (celsius != null) {
        Map<String, Object> temperature = new LinkedHashMap<>();
        temperature.put("sensor", type.isEmpty() ? zone : type);
        temperature.put("celsius", celsius);
        found.add(temperature);
      }
    }
    return found;
  }

  private static boolean isTemperature(String type) {
    StringBuilder lower = new StringBuilder();
    for (int index = 0; index < type.length(); index++) {
      char next = type.charAt(index);
      lower.append(next >= 'A' && next <= 'Z' ? (char) (next - 'A' + 'a') : next);
    }
    boolean no = lower.toString().equals("soc");
    for (String word : NO_TEMPERATURE) {
      no |= lower.indexOf(word) >= 0;
    }
    return !no;
  }

  private List<Object> cooling() {
    List<Object> found = new ArrayList<>();
    for (String device : files.listed(THERMAL, "cooling_device")) {
      Long state = files.whole(THERMAL + device + "/cur_state");
      Long highest = files.whole(THERMAL + device + "/max_state");
      if (state != null && highest != null && state >= 0 && state <= highest) {
        String type = files.label(THERMAL + device + "/type");
        Map<String, Object> cooling = new LinkedHashMap<>();
        cooling.put("name", type.isEmpty() ? device : type);
        cooling.put("state", state);
        cooling.put("highest", highest);
        found.add(cooling);
      }
    }
    return found;
  }
}
