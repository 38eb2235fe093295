package io.edgebert.demo;

import android.app.Activity;
import android.content.Intent;
import android.os.Bundle;
import android.view.View;
import android.widget.AdapterView;
import android.widget.ArrayAdapter;
import android.widget.EditText;
import android.widget.Spinner;
import io.edgebert.core.Artifact;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** The screen: a text or two go in, an answer comes out. */
public final class MainActivity extends Activity implements Session.Screen {
  private Session session;
  private EditText text;
  private EditText second;
  private Spinner model;
  private Spinner threads;
  private StateViews views;
  private List<Artifact> offered = new ArrayList<>();

  /** Called by the system. */
  public MainActivity() {}

  @Override
  protected void onCreate(Bundle saved) {
    super.onCreate(saved);
    setContentView(R.layout.main);
    text = findViewById(R.id.text);
    second = findViewById(R.id.second);
    model = findViewById(R.id.model);
    threads = findViewById(R.id.threads);
    views = new StateViews(this);
    Object kept = getLastNonConfigurationInstance();
    session = kept instanceof Session ? (Session) kept : new Session(getApplicationContext());
    if (saved == null) {
      threads.setSelection(Choice.USUAL_THREADS - 1);
    }
    findViewById(R.id.ask).setOnClickListener(view -> session.ask(texts()));
    findViewById(R.id.measure).setOnClickListener(view -> measure());
    TextWatch watch =
        new TextWatch(findViewById(R.id.text_full), getResources().getInteger(R.integer.longest_text), text, second);
    text.addTextChangedListener(watch);
    second.addTextChangedListener(watch);
    session.attach(this);
    OnSelected chosen = new OnSelected(() -> session.choose(chosen()));
    model.setOnItemSelectedListener(chosen);
    threads.setOnItemSelectedListener(chosen);
  }

  @Override
  public void show(ScreenState state) {
    if (!state.offered().equals(offered) && !state.offered().isEmpty()) {
      offer(state);
    }
    views.show(state);
  }

  /** Keeps the model open while the screen is turned. */
  @Override
  public Object onRetainNonConfigurationInstance() {
    return session;
  }

  @Override
  public void onTrimMemory(int level) {
    super.onTrimMemory(level);
    if (level >= TRIM_MEMORY_BACKGROUND) {
      session.releaseMemory();
    }
  }

  @Override
  protected void onDestroy() {
    session.detach();
    if (!isChangingConfigurations()) {
      session.close();
    }
    super.onDestroy();
  }

  private void offer(ScreenState state) {
    offered = state.offered();
    List<String> names = new ArrayList<>();
    int selected = 0;
    for (Artifact artifact : offered) {
      String megabytes = String.format(Locale.getDefault(), "%.1f", artifact.entry().sizeBytes() / 1e6);
      String name = getString(R.string.model_name, artifact.precision(), artifact.file(), megabytes);
      if (artifact.file().equals(state.choice().file())) {
        selected = names.size();
      }
      names.add(artifact.baseline() ? getString(R.string.model_baseline, name) : name);
    }
    ArrayAdapter<String> adapter = new ArrayAdapter<>(this, android.R.layout.simple_spinner_item, names);
    adapter.setDropDownViewResource(android.R.layout.simple_spinner_dropdown_item);
    model.setAdapter(adapter);
    model.setSelection(selected);
  }

  private List<String> texts() {
    return Arrays.asList(text.getText().toString(), second.getText().toString());
  }

  /** Returns what the two lists show; the usual file until it is known which there are. */
  private Choice chosen() {
    int place = model.getSelectedItemPosition();
    boolean usual = place == AdapterView.INVALID_POSITION || place == 0;
    return new Choice(usual ? null : offered.get(place).file(), threads.getSelectedItemPosition() + 1);
  }

  private void measure() {
    Choice choice = chosen();
    Intent intent = new Intent(this, BenchmarkActivity.class);
    intent.putExtra(BenchmarkActivity.FILE, choice.file());
    intent.putExtra(BenchmarkActivity.THREADS, choice.threads());
    startActivity(intent);
  }

  /** Hears that another entry of a list was chosen. */
  private static final class OnSelected implements AdapterView.OnItemSelectedListener {
    private final Runnable action;

    OnSelected(Runnable action) {
      this.action = action;
    }

    @Override
    public void onItemSelected(AdapterView<?> parent, View view, int position, long id) {
      action.run();
    }

    @Override
    public void onNothingSelected(AdapterView<?> parent) {
      // A list that became empty says nothing about what the user wants.
    }
  }
}
