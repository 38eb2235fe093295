package io.edgebert.core;

import java.io.File;
import java.util.ArrayList;
import java.util.List;

/** A runtime for TFLite files that remembers what was done with it; its logits are the sums of ids and of mask. */
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
        float sum = 0;
        float tokens = 0;
        for (int place = 0; place < input.length(); place++) {
          ids.add(input.inputIds()[place]);
          sum += input.inputIds()[place];
          tokens += input.attentionMask()[place];
        }
        events.add(ids);
        return new float[][] {{broken ? Float.NaN : sum, tokens}};
      }

      @Override
      public void close() {
        events.add("close");
      }
    };
  }
}
