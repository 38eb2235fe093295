package io.edgebert.core;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/** What users do to a {@link ModelWorker}, told as the list of what happened. */
final class WorkerScenarios {
  private final List<String> events = Collections.synchronizedList(new ArrayList<>());
  private final CountDownLatch running = new CountDownLatch(1);
  private final CountDownLatch release = new CountDownLatch(1);
  private final ExecutorService screen = Executors.newSingleThreadExecutor();
  private final WordPieceTokenizer tokenizer;
  private int loads;

  private WorkerScenarios(WordPieceTokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  static List<String> play(String scenario, WordPieceTokenizer tokenizer) throws InterruptedException {
    WorkerScenarios scenarios = new WorkerScenarios(tokenizer);
    scenarios.play(scenario);
    return scenarios.events;
  }

  private void play(String scenario) throws InterruptedException {
    ModelWorker<Classification> worker = new ModelWorker<>(() -> load(scenario), screen);
    switch (scenario) {
      case "three quick taps":
        ask(worker, "good");
        await(running);
        ask(worker, "bad");
        Question last = ask(worker, "great");
        release.countDown();
        last.await();
        break;
      case "opened, then released":
        Question opening = new Question("opening");
        worker.open(opening);
        opening.await();
        ask(worker, "good").await();
        worker.release();
        worker.release();
        ask(worker, "good").await();
        break;
      case "released in mid-run":
        Question kept = ask(worker, "good");
        await(running);
        worker.release();
        events.add("release returned");
        release.countDown();
        kept.await();
        break;
      case "text that cannot be read":
        ask(worker, "\ud83d").await();
        ask(worker, " ").await();
        ask(worker, "good").await();
        break;
      case "turned in mid-run":
        ask(worker, "good");
        await(running);
        worker.forget();
        release.countDown();
        break;
      case "closed in mid-run":
        ask(worker, "good");
        await(running);
        worker.close();
        worker.close();
        events.add("close returned");
        release.countDown();
        break;
      case "asked after close":
        worker.close();
        ask(worker, "good").await();
        break;
      default:
        ask(worker, "good").await();
        ask(worker, "good").await();
    }
    worker.close();
    if (!worker.awaitClosed(20)) {
      events.add("the thread goes on");
    }
    screen.shutdown();
    screen.awaitTermination(10, TimeUnit.SECONDS);
  }

  private TextModel<Classification> load(String scenario) throws EdgebertException {
    loads++;
    events.add("load on " + Thread.currentThread().getName());
    if (scenario.equals("missing at first") && loads == 1) {
      throw new EdgebertException(EdgebertException.Kind.MISSING_FILE, "int8.onnx: missing");
    }
    LabelDecoder decoder = new LabelDecoder(Arrays.asList("negative", "positive"));
    List<TensorSpec> outputs = Collections.singletonList(new TensorSpec("logits", Arrays.asList(null, 2)));
    return new TextModel<>(
        tokenizer, Task.TEXT_CLASSIFICATION, TaskSettings.none(), new int[0], outputs, new Gate(scenario), decoder);
  }

  private Question ask(ModelWorker<Classification> worker, String text) {
    Question question = new Question(text);
    worker.ask(question, text);
    return question;
  }

  private static void await(CountDownLatch latch) throws InterruptedException {
    if (!latch.await(20, TimeUnit.SECONDS)) {
      throw new IllegalStateException("nothing happened for 20 seconds");
    }
  }

  /** A model whose first run lasts until it is released, where a scenario needs that. */
  private final class Gate implements Backend {
    private final String scenario;

    Gate(String scenario) {
      this.scenario = scenario;
    }

    @Override
    public float[][] run(ModelInput input) {
      events.add("run");
      running.countDown();
      if (loads == 1 && scenario.equals("out of memory")) {
        throw new OutOfMemoryError("tensor");
      }
      if (scenario.equals("runtime throws")) {
        throw new IllegalStateException("bad state");
      }
      if (scenario.equals("library is missing")) {
        throw new UnsatisfiedLinkError("no such library");
      }
      if (scenario.endsWith("mid-run") || scenario.endsWith("taps")) {
        try {
          WorkerScenarios.await(release);
        } catch (InterruptedException error) {
          events.add("interrupted");
        }
      }
      events.add("ran");
      return new float[][] {{0f, 1f}};
    }

    @Override
    public void close() {
      events.add("closed");
    }
  }

  private final class Question implements ModelWorker.Listener<Classification> {
    private final String text;
    private final CountDownLatch done = new CountDownLatch(1);

    Question(String text) {
      this.text = text;
    }

    @Override
    public void onOpen() {
      events.add(text + ": open");
      done.countDown();
    }

    @Override
    public void onAnswer(Answer<Classification> answer) {
      events.add(text + ": " + answer.value().label());
      done.countDown();
    }

    @Override
    public void onError(EdgebertException error) {
      events.add(text + ": " + error.kind() + ": " + error.getMessage());
      done.countDown();
    }

    void await() throws InterruptedException {
      WorkerScenarios.await(done);
    }
  }
}
