package io.edgebert.core;

import java.io.File;
import java.util.ArrayList;
import java.util.List;

/**
 * A runtime for TFLite files that remembers what was done with it. An output gives the sums of ids and of mask, or both
 * for each place where it has as many rows.
 */
final class RecordingRuntime implements ModelRuntime {
  final List<Object> events = new ArrayList<>();
  private final boolean broken;

  RecordingRuntime(boolean broken) {
    this.broken = broken;
  }

  @Override
  public String name() {
    return "litert";
  }

  @Override
  public String format() {
    return "tflite";
  }

  @Override
  public void load() {
    events.add("load");
  }

  @Override
  public String version() {
    return "9.9";
  }

  @Override
  public Backend open(Artifact artifact, File model, int threads) {
    events.add("open " + artifact.file() + " with " + threads);
    return new Backend() {
      @Override
      public float[][] run(ModelInput input) {
        List<Object> ids = new ArrayList<>();
        float[] sums = new float[2];
        float[] rows = new float[2 * input.length()];
        for (int place = 0; place < input.length(); place++) {
          ids.add(input.inputIds()[place]);
          rows[2 * place] = broken ? Float.NaN : input.inputIds()[place];
          rows[2 * place + 1] = input.attentionMask()[place];
          sums[0] += rows[2 * place];
          sums[1] += rows[2 * place + 1];
        }
        events.add(ids);
        float[][] outputs = new float[artifact.outputs().size()][];
        for (int index = 0; index < outputs.length; index++) {
          outputs[index] = artifact.outputs().get(index).shape(input.length()).length == 2 ? rows : sums;
        }
        return outputs;
      }

      @Override
      public void close() {
        events.add("close");
      }
    };
  }
}
