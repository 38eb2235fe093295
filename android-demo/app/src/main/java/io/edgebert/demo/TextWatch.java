package io.edgebert.demo;

import android.text.Editable;
import android.text.TextWatcher;
import android.view.View;
import android.widget.TextView;

/** Shows a note while one of some fields is as long as it may be. */
final class TextWatch implements TextWatcher {
  private final View note;
  private final int longest;
  private final TextView[] fields;

  TextWatch(View note, int longest, TextView... fields) {
    this.note = note;
    this.longest = longest;
    this.fields = fields;
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
    boolean full = false;
    for (TextView field : fields) {
      full |= field.getText().length() >= longest;
    }
    note.setVisibility(full ? View.VISIBLE : View.GONE);
  }
}
