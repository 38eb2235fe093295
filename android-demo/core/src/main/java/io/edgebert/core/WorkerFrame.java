package io.edgebert.core;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.LinkedHashMap;
import java.util.Map;

/** Answers of a benchmark as they go out: a header with length and hash, then one line of JSON. */
public final class WorkerFrame {
  private WorkerFrame() {}

  /**
   * Runs a benchmark and returns its framed answer, whatever happens.
   *
   * @param runner notes the start, so make it first
   * @param request the request as it came in
   */
  public static String answer(BenchmarkRunner runner, String request) {
    try {
      return frame(runner.run(BenchmarkRequest.read(request)));
    } catch (EdgebertException error) {
      return failure(kind(error.kind()), error.getMessage());
    } catch (OutOfMemoryError error) {
      return failure("out-of-memory", "the app ran out of memory");
    } catch (RuntimeException | LinkageError error) {
      return failure("runtime-failure", error.toString());
    }
  }

  /**
   * Returns a framed answer.
   *
   * @param payload a trial, or anything else that {@link JsonWriter} takes
   */
  public static String frame(Map<String, Object> payload) {
    String content = JsonWriter.write(payload);
    MessageDigest digest = Bundle.sha256();
    digest.update(content.getBytes(StandardCharsets.US_ASCII));
    return "edgebert-worker " + content.length() + " " + Bundle.hex(digest.digest()) + "\n" + content + "\n";
  }

  private static String failure(String kind, String message) {
    Map<String, Object> error = new LinkedHashMap<>();
    error.put("kind", kind);
    error.put("message", message.replace('\n', ' '));
    Map<String, Object> payload = new LinkedHashMap<>();
    payload.put("schema", BenchmarkRequest.SCHEMA);
    payload.put("error", error);
    return frame(payload);
  }

  private static String kind(EdgebertException.Kind kind) {
    switch (kind) {
      case OUT_OF_MEMORY:
        return "out-of-memory";
      case RUNTIME_ABSENT:
        return "runtime-absent";
      case RUNTIME_FAILURE:
      case CLOSED:
        return "runtime-failure";
      default:
        return "bad-request";
    }
  }
}
