package io.edgebert.demo;

import android.text.Editable;
import android.text.TextWatcher;
import android.view.View;

/** Shows a note when a text has become as long as it may. */
final class TextWatch implements TextWatcher {
  private final View note;
  private final int longest;

  TextWatch(View note, int longest) {
    this.note = note;
    this.longest = longest;
  }

  @Override
  public void beforeTextChanged(CharSequence text, int start, int count, int after) {
    // Only the outcome counts.
  }

  @Override
  public void onTextChanged(CharSequence text, int start, int before, int count) {
    // Only the outcome counts.
  }

  @Override
  public void afterTextChanged(Editable text) {
    note.setVisibility(text.length() >= longest ? View.VISIBLE : View.GONE);
  }
}
