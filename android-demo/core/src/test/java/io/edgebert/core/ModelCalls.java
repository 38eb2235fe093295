package io.edgebert.core;

import java.io.File;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Calls of the driver that need a runtime: a class named by the property {@code runtime}, which the core knows not. */
final class ModelCalls {
  private static final Battery BATTERY =
      new Battery() {
        @Override
        public Integer percent() {
          return 81;
        }

        @Override
        public String status() {
          return "Discharging";
        }
      };

  private ModelRuntime runtime;
  private Bundle bundle;
  private Artifact artifact;
  private ModelFiles files;
  private TextModel<Classification> model;

  Object call(JsonObject call) throws EdgebertException {
    switch (call.string("call")) {
      case "model runtime":
        runtime().load();
        return Arrays.asList(runtime().name(), runtime().format(), runtime().version());
      case "model open":
        return open(call);
      case "model close":
        model.close();
        return true;
      case "model store":
        return store(call).path(artifact).getPath();
      case "model answers":
        List<Object> rows = new ArrayList<>();
        for (String text : call.strings("texts")) {
          rows.add(row(text));
        }
        return rows;
      case "model answer":
        return model.answer(call.string("text")).value().label();
      case "model answer units":
        return model.answer(Driver.fromUnits(call.integers("units"))).value().label();
      case "model bundle answers":
        File root = new File(call.string("folder"));
        Bundle answering = Bundle.open(new FolderSource(root));
        Artifact opened = answering.manifest().artifact(call.string("file"));
        try (TextModel<?> any = TextModel.open(answering, opened, runtime().open(opened, new File(root, opened.file()), 1))) {
          SelfTest.run(any, answering.golden(opened), opened.tolerance()).check();
          return TaskCalls.answers(any, call.objects("items"));
        }
      case "model self-test":
        return selfTest();
      case "model benchmark":
        BenchmarkRunner runner = new BenchmarkRunner(bundle, files, runtime(), BATTERY, new File(call.string("root")));
        return WorkerFrame.answer(runner, call.string("request"));
      case "model golden benchmark":
        BenchmarkRequest request = BenchmarkRequest.ofGoldenTexts(bundle, artifact, runtime(), 1, 1, call.integer("runs"));
        return new BenchmarkRunner(bundle, files, runtime(), BATTERY).run(request);
      case "recorded benchmark":
        RecordingRuntime recording = new RecordingRuntime(call.bool("broken"));
        Bundle given = Bundle.open(new FolderSource(new File(call.string("folder"))));
        BenchmarkRunner recorded = new BenchmarkRunner(given, item -> new File("none"), recording, BATTERY);
        String answer = WorkerFrame.answer(recorded, call.string("request"));
        return Arrays.asList(answer, recording.events);
      case "model stopped benchmark":
        return stopped(call.string("request"));
      default:
        throw new IllegalArgumentException(call.string("call"));
    }
  }

  private ModelRuntime runtime() {
    if (runtime == null) {
      try {
        runtime = (ModelRuntime) Class.forName(System.getProperty("runtime")).getConstructor().newInstance();
      } catch (ReflectiveOperationException error) {
        throw new IllegalStateException(error);
      }
    }
    return runtime;
  }

  private String open(JsonObject call) throws EdgebertException {
    if (model != null) {
      model.close();
    }
    File folder = new File(call.string("folder"));
    bundle = Bundle.open(new FolderSource(folder));
    artifact = bundle.manifest().artifact(call.string("file"));
    files = item -> new File(folder, item.file());
    if (call.bool("check")) {
      bundle.check(artifact.file());
    }
    Backend backend = runtime().open(artifact, files.path(artifact), call.integer("threads"));
    model = TextModel.classifier(bundle, artifact, backend);
    return artifact.precision();
  }

  private ModelStore store(JsonObject call) throws EdgebertException {
    bundle = Bundle.open(new FolderSource(new File(call.string("folder"))));
    artifact = bundle.manifest().artifact(call.string("file"));
    return new ModelStore(bundle, new File(call.string("store")));
  }

  /** Returns ids, logits, label, probabilities and input length of a text, the empty text included. */
  private List<Object> row(String text) throws EdgebertException {
    Encoding encoding = model.tokenizer().encode(text);
    Outputs outputs = model.outputs(encoding);
    Classification value =
        new LabelDecoder(bundle.manifest().labels())
            .decode(Arrays.asList(text), Arrays.asList(encoding), Arrays.asList(outputs));
    List<Object> ids = new ArrayList<>();
    for (int id : encoding.ids()) {
      ids.add(id);
    }
    List<Object> logits = new ArrayList<>();
    for (float logit : outputs.values("logits")) {
      logits.add((double) logit);
    }
    return Arrays.asList(ids, logits, value.label(), value.probability());
  }

  private Map<String, Object> selfTest() throws EdgebertException {
    SelfTest test = SelfTest.run(model, bundle.golden(artifact), artifact.tolerance());
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("passed", test.passed());
    facts.put("texts", test.texts());
    facts.put("max_difference", test.maxDifference());
    facts.put("problems", test.problems());
    return facts;
  }

  private String stopped(String request) {
    Thread.currentThread().interrupt();
    try {
      return WorkerFrame.answer(new BenchmarkRunner(bundle, files, runtime(), BATTERY), request);
    } finally {
      Thread.interrupted();
    }
  }
}
