package io.edgebert.core;

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Lets the tests of the repository use this library from Python: reads a call as one line of JSON, writes the answer as
 * one line of JSON, until its input ends.
 */
public final class Driver {
  private WordPieceTokenizer tokenizer;
  private Bundle bundle;
  private final ModelCalls models = new ModelCalls();

  private Driver() {}

  /** Serves calls from standard input. */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    Driver driver = new Driver();
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
    PrintStream output = new PrintStream(System.out, false, "US-ASCII");
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      output.println(JsonWriter.write(driver.reply(line)));
      output.flush();
    }
  }

  private Map<String, Object> reply(String line) throws IOException, InterruptedException {
    Map<String, Object> reply = new LinkedHashMap<>();
    try {
      reply.put("result", call(JsonObject.read(line, "call")));
    } catch (EdgebertException error) {
      reply.put("kind", error.kind().name());
      reply.put("message", error.getMessage());
    } catch (RuntimeException error) {
      // No test expects this kind, so each that meets it fails, and the next ones still have a JVM.
      reply.put("kind", "CRASH");
      reply.put("message", error + " " + Arrays.toString(error.getStackTrace()));
    }
    return reply;
  }

  private Object call(JsonObject call) throws EdgebertException, IOException, InterruptedException {
    switch (call.string("call")) {
      case "tokenizer":
        Vocabulary vocabulary = new Vocabulary(read(call.string("vocab")), "vocab.txt");
        tokenizer = new WordPieceTokenizer(vocabulary, TextSpec.read(call.object("text")));
        return vocabulary.size();
      case "encode":
        return rows(encodings(call.strings("texts"), call.integer("max_length")));
      case "encode packed":
        return packed(encodings(call.strings("texts"), call.integer("max_length")));
      case "windows":
        List<Object> pairs = new ArrayList<>();
        for (List<Encoding> windows : windows(call)) {
          pairs.add(rows(windows));
        }
        return pairs;
      case "windows packed":
        List<Object> counts = new ArrayList<>();
        List<Encoding> all = new ArrayList<>();
        for (List<Encoding> windows : windows(call)) {
          counts.add(windows.size());
          all.addAll(windows);
        }
        return Arrays.asList(counts, packed(all));
      case "encode units":
        return row(tokenizer.encode(fromUnits(call.integers("units")), 512));
      case "lower case":
        List<Object> lowered = new ArrayList<>();
        for (String text : call.strings("texts")) {
          lowered.add(Characters.lowerCase(text));
        }
        return lowered;
      case "speed":
        return speed(read(call.string("file")), call.integer("rounds"));
      case "open":
        FolderSource folder = new FolderSource(new File(call.string("folder")));
        String digest = call.has("digest") ? call.string("digest") : null;
        String key = call.has("public_key") ? call.string("public_key") : null;
        bundle = key != null ? Bundle.open(folder, digest, key)
            : digest != null ? Bundle.open(folder, digest) : Bundle.open(folder);
        return manifest(bundle.manifest());
      case "signature":
        return Ed25519.isValid(
            Bundle.unhex(call.string("key")), Bundle.unhex(call.string("message")), Bundle.unhex(call.string("signature")));
      case "artifact":
        Artifact artifact = bundle.manifest().artifact(call.string("file"));
        tokenizer = bundle.tokenizer(artifact);
        return golden(bundle.golden(artifact));
      case "meaning":
        return meaning(bundle.manifest());
      case "check":
        bundle.check(call.string("file"));
        return true;
      case "copy":
        ByteArrayOutputStream copy = new ByteArrayOutputStream();
        bundle.copy(call.string("file"), copy);
        return copy.size();
      case "copy to":
        try (FileOutputStream target = new FileOutputStream(call.string("target"))) {
          bundle.copy(call.string("file"), target);
        }
        return true;
      case "check labels":
        bundle.manifest().checkLabels(call.strings("labels"));
        return true;
      case "answer":
        return answer(call);
      case "decode":
        return new TaskCalls(tokenizer).decode(call);
      case "bundle answers":
        Bundle given = Bundle.open(new FolderSource(new File(call.string("folder"))));
        Artifact file = given.manifest().artifact(call.string("file"));
        TextModel<?> recorded = TextModel.open(given, file, new RecordedBackend(call.objects("records")));
        return TaskCalls.answers(recorded, call.objects("items"));
      case "self-test":
        return selfTest(call);
      case "json":
        return Json.parse(call.string("text"), "file.json");
      case "golden":
        return golden(Golden.read(call.string("text"), "golden.json"));
      case "softmax":
        return list(LabelDecoder.softmax(call.floats("logits")));
      case "quantile":
        return Statistics.quantile(longs(call.strings("times")), call.number("share"));
      case "length":
        return InputLength.fitting(call.integer("tokens"), call.integers("lengths"));
      case "worker":
        return WorkerScenarios.play(call.string("scenario"), tokenizer);
      default:
        return models.call(call);
    }
  }

  private static List<Object> rows(List<Encoding> encodings) {
    List<Object> rows = new ArrayList<>();
    for (Encoding encoding : encodings) {
      rows.add(row(encoding));
    }
    return rows;
  }

  private List<Encoding> encodings(List<String> texts, int maxLength) throws EdgebertException {
    List<Encoding> encodings = new ArrayList<>();
    for (String text : texts) {
      encodings.add(tokenizer.encode(text, maxLength));
    }
    return encodings;
  }

  /** Returns the windows of each pair of texts. */
  private List<List<Encoding>> windows(JsonObject call) throws EdgebertException {
    List<List<Encoding>> windows = new ArrayList<>();
    List<String> second = call.strings("second");
    for (String first : call.strings("first")) {
      windows.add(
          tokenizer.windows(first, second.get(windows.size()), call.integer("stride"), call.integer("max_length")));
    }
    return windows;
  }

  /** Returns counts of tokens and cuts, then ids, offsets in either unit, words and texts of the tokens, as int32 in base 64. */
  private static String packed(List<Encoding> encodings) {
    int tokens = 0;
    for (Encoding encoding : encodings) {
      tokens += encoding.size();
    }
    ByteBuffer bytes = ByteBuffer.allocate(4 * (2 * encodings.size() + 7 * tokens)).order(ByteOrder.LITTLE_ENDIAN);
    for (Encoding encoding : encodings) {
      bytes.putInt(encoding.size()).putInt(encoding.truncated() ? 1 : 0);
    }
    for (Encoding encoding : encodings) {
      for (int id : encoding.ids()) {
        bytes.putInt(id);
      }
    }
    for (Encoding encoding : encodings) {
      for (int token = 0; token < encoding.size(); token++) {
        bytes.putInt(encoding.startCodePoint(token)).putInt(encoding.endCodePoint(token));
      }
    }
    for (Encoding encoding : encodings) {
      for (int token = 0; token < encoding.size(); token++) {
        bytes.putInt(encoding.start(token)).putInt(encoding.end(token));
      }
    }
    for (Encoding encoding : encodings) {
      for (int token = 0; token < encoding.size(); token++) {
        bytes.putInt(encoding.word(token));
      }
    }
    for (Encoding encoding : encodings) {
      for (int token = 0; token < encoding.size(); token++) {
        bytes.putInt(encoding.sequence(token));
      }
    }
    return Base64.getEncoder().encodeToString(bytes.array());
  }

  private static List<Object> row(Encoding encoding) {
    List<Object> codePoints = new ArrayList<>();
    List<Object> units = new ArrayList<>();
    List<Object> words = new ArrayList<>();
    List<Object> sequences = new ArrayList<>();
    for (int token = 0; token < encoding.size(); token++) {
      codePoints.add(Arrays.asList(encoding.startCodePoint(token), encoding.endCodePoint(token)));
      units.add(Arrays.asList(encoding.start(token), encoding.end(token)));
      words.add(encoding.word(token));
      sequences.add(encoding.sequence(token));
    }
    return Arrays.asList(list(encoding.ids()), codePoints, units, words, sequences, encoding.truncated());
  }

  private List<Object> speed(String text, int rounds) throws EdgebertException {
    String[] lines = text.split("\n");
    List<Object> times = new ArrayList<>();
    for (int round = 0; round < rounds; round++) {
      long start = System.nanoTime();
      for (String line : lines) {
        tokenizer.encode(line, Integer.MAX_VALUE);
      }
      times.add(System.nanoTime() - start);
    }
    return times;
  }

  private static Map<String, Object> manifest(Manifest manifest) {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("schema", manifest.schema());
    facts.put("digest", manifest.digest());
    facts.put("task", manifest.task().manifestName());
    facts.put("labels", manifest.labels());
    facts.put("max_length", manifest.text().maxLength());
    facts.put("lengths", list(manifest.text().lengths()));
    facts.put("original", manifest.hasOriginal());
    List<Object> artifacts = new ArrayList<>();
    for (Artifact item : manifest.artifacts()) {
      artifacts.add(
          Arrays.asList(
              item.file(), item.baseline(), item.format(), item.precision(), tensors(item.inputs()),
              tensors(item.outputs()), list(item.lengths()), item.entry().sizeBytes(), item.entry().sha256(), item.tolerance(),
              manifest.vocabularyFile(item), manifest.goldenFile(item)));
    }
    facts.put("artifacts", artifacts);
    return facts;
  }

  /** Returns what the manifest says of the task. */
  private static Map<String, Object> meaning(Manifest manifest) {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("task", manifest.task().manifestName());
    facts.put("labels", manifest.labels());
    facts.put("thresholds", manifest.settings().thresholds());
    facts.put("aggregation", manifest.settings().aggregation().manifestName());
    facts.put("stride", manifest.settings().stride(manifest.text().maxLength()));
    facts.put("noAnswer", manifest.settings().noAnswer());
    facts.put("width", manifest.settings().width());
    return facts;
  }

  private static List<Object> tensors(List<TensorSpec> tensors) {
    List<Object> pairs = new ArrayList<>();
    for (TensorSpec tensor : tensors) {
      pairs.add(Arrays.asList(tensor.name(), tensor.dtype()));
    }
    return pairs;
  }

  private static List<Object> golden(Golden golden) {
    List<Object> cases = new ArrayList<>();
    for (Golden.Case item : golden.cases()) {
      List<Object> windows = new ArrayList<>();
      for (Golden.Window window : item.windows()) {
        Map<String, Object> outputs = new LinkedHashMap<>();
        for (Map.Entry<String, float[]> output : window.outputs().entrySet()) {
          outputs.put(output.getKey(), list(output.getValue()));
        }
        List<Object> offsets = window.offsets() == null ? null : new ArrayList<>();
        for (int[] pair : window.offsets() == null ? new ArrayList<int[]>() : window.offsets()) {
          offsets.add(list(pair));
        }
        windows.add(Arrays.asList(list(window.inputIds()), offsets, outputs));
      }
      cases.add(Arrays.asList(item.texts(), windows));
    }
    return cases;
  }

  private Map<String, Object> answer(JsonObject call) throws EdgebertException {
    ScriptedBackend backend = new ScriptedBackend(script(call));
    List<TensorSpec> outputs = Collections.singletonList(new TensorSpec("logits", Arrays.asList(null, 2)));
    TextModel<Classification> model =
        new TextModel<>(
            tokenizer, Task.TEXT_CLASSIFICATION, TaskSettings.none(), call.integers("lengths"), outputs, backend,
            new LabelDecoder(call.strings("labels")));
    Answer<Classification> answer = model.answer(call.string("text"));
    model.close();
    model.close();
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("label", answer.value().label());
    facts.put("index", answer.value().index());
    facts.put("probability", answer.value().probability());
    facts.put("probabilities", list(answer.value().probabilities()));
    facts.put("length", answer.length());
    facts.put("truncated", answer.encoding().truncated());
    facts.put("timed", answer.tokenizeNs() > 0 && answer.runNs() > 0);
    facts.put("input_ids", list(backend.inputs.get(0).inputIds()));
    facts.put("attention_mask", list(backend.inputs.get(0).attentionMask()));
    facts.put("closings", backend.closings);
    try {
      model.answer("again");
      facts.put("after", "an answer");
    } catch (EdgebertException error) {
      facts.put("after", error.kind().name());
    }
    return facts;
  }

  private Map<String, Object> selfTest(JsonObject call) throws EdgebertException {
    Artifact artifact = bundle.manifest().artifact(call.string("file"));
    ScriptedBackend backend = new ScriptedBackend(script(call));
    TextModel<?> model = TextModel.open(bundle, artifact, backend);
    SelfTest test = SelfTest.run(model, bundle.golden(artifact), artifact.tolerance());
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("passed", test.passed());
    facts.put("texts", test.texts());
    facts.put("max_difference", Double.isInfinite(test.maxDifference()) ? null : test.maxDifference());
    facts.put("problems", test.problems());
    try {
      test.check();
      facts.put("check", null);
    } catch (EdgebertException error) {
      facts.put("check", error.kind().name() + ": " + error.getMessage());
    }
    return facts;
  }

  /** Returns the outputs that a backend gives run by run; a logit that JSON cannot write is a text. */
  static List<float[][]> script(JsonObject call) throws EdgebertException {
    List<float[][]> script = new ArrayList<>();
    for (JsonObject run : call.objects("runs")) {
      List<JsonObject> outputs = run.objects("outputs");
      float[][] values = new float[outputs.size()][];
      for (int index = 0; index < values.length; index++) {
        List<String> texts = outputs.get(index).strings("values");
        values[index] = new float[texts.size()];
        for (int place = 0; place < texts.size(); place++) {
          values[index][place] = Float.parseFloat(texts.get(place));
        }
      }
      script.add(values);
    }
    return script;
  }

  private static String read(String file) throws IOException {
    return new String(Files.readAllBytes(Paths.get(file)), StandardCharsets.UTF_8);
  }

  static String fromUnits(int[] units) {
    StringBuilder text = new StringBuilder();
    for (int unit : units) {
      text.append((char) unit);
    }
    return text.toString();
  }

  private static long[] longs(List<String> texts) {
    long[] longs = new long[texts.size()];
    for (int index = 0; index < longs.length; index++) {
      longs[index] = Long.parseLong(texts.get(index));
    }
    return longs;
  }

  private static List<Object> list(int[] numbers) {
    List<Object> list = new ArrayList<>();
    for (int number : numbers) {
      list.add(number);
    }
    return list;
  }

  static List<Object> list(float[] numbers) {
    List<Object> list = new ArrayList<>();
    for (float number : numbers) {
      list.add(number);
    }
    return list;
  }

  static List<Object> list(double[] numbers) {
    List<Object> list = new ArrayList<>();
    for (double number : numbers) {
      list.add(number);
    }
    return list;
  }
}
