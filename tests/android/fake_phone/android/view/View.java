package android.view;

import android.content.Context;

public class View {
  public int visibility;
  public CharSequence description;
  private OnClickListener listener;

  public View(Context context) {}

  /** Refuses what a real view refuses: to be touched by another thread than that which draws. */
  protected static void checkThread() {
    if (!Thread.currentThread().getName().equals("main")) {
      throw new IllegalStateException("a view is touched by " + Thread.currentThread().getName());
    }
  }

  public void setVisibility(int next) {
    checkThread();
    visibility = next;
  }

  public void setOnClickListener(OnClickListener next) {
    listener = next;
  }

  public void setContentDescription(CharSequence text) {
    checkThread();
    description = text;
  }

  public void setImportantForAccessibility(int mode) {
    checkThread();
  }

  public void click() {
    listener.onClick(this);
  }

  public interface OnClickListener {
    void onClick(View view);
  }
}
