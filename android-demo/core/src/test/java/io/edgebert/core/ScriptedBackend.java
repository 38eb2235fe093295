package io.edgebert.core;

import java.util.ArrayList;
import java.util.List;

/** A backend that answers what it was told to, run by run, and remembers what it was asked. */
final class ScriptedBackend implements Backend {
  private final List<float[][]> script;
  final List<ModelInput> inputs = new ArrayList<>();
  int closings;

  ScriptedBackend(List<float[][]> script) {
    this.script = script;
  }

  @Override
  public float[][] run(ModelInput input) {
    inputs.add(input);
    return script.get((inputs.size() - 1) % script.size());
  }

  @Override
  public void close() {
    closings++;
  }
}
