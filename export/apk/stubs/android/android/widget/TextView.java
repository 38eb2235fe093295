package android.widget;

import android.content.Context;
import android.text.TextWatcher;
import android.view.View;

public class TextView extends View {
  public TextView(Context context) {
    super(context);
    throw new UnsupportedOperationException();
  }

  public CharSequence getText() {
    throw new UnsupportedOperationException();
  }

  public final void setText(CharSequence text) {
    throw new UnsupportedOperationException();
  }

  public void setTextColor(int color) {
    throw new UnsupportedOperationException();
  }

  public void addTextChangedListener(TextWatcher watcher) {
    throw new UnsupportedOperationException();
  }

  public void setTextAppearance(int resId) {
    throw new UnsupportedOperationException();
  }
}
