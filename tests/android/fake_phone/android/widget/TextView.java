package android.widget;

import android.content.Context;
import android.text.TextWatcher;
import android.text.TypedText;
import android.view.View;
import java.util.ArrayList;
import java.util.List;

public class TextView extends View {
  private final List<TextWatcher> watchers = new ArrayList<>();
  private CharSequence text = "";

  public TextView(Context context) {
    super(context);
  }

  public CharSequence getText() {
    return text;
  }

  public final void setText(CharSequence next) {
    checkThread();
    text = next;
    for (TextWatcher watcher : watchers) {
      watcher.afterTextChanged(new TypedText(next));
    }
  }

  public void setTextAppearance(int style) {
    checkThread();
  }

  public void setTextColor(int color) {
    checkThread();
  }

  public void addTextChangedListener(TextWatcher watcher) {
    watchers.add(watcher);
  }
}
