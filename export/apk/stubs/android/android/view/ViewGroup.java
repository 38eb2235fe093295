package android.view;

import android.content.Context;

public abstract class ViewGroup extends View {
  public ViewGroup(Context context) {
    super(context);
    throw new UnsupportedOperationException();
  }

  public void addView(View child) {
    throw new UnsupportedOperationException();
  }

  public void removeAllViews() {
    throw new UnsupportedOperationException();
  }
}
