package android.view;

import android.content.Context;

public class View {
  public static final int VISIBLE = 0;

  public static final int GONE = 8;

  public static final int IMPORTANT_FOR_ACCESSIBILITY_NO = 2;

  public View(Context context) {
    throw new UnsupportedOperationException();
  }

  public void setVisibility(int visibility) {
    throw new UnsupportedOperationException();
  }

  public void setOnClickListener(OnClickListener l) {
    throw new UnsupportedOperationException();
  }

  public void setContentDescription(CharSequence contentDescription) {
    throw new UnsupportedOperationException();
  }

  public void setImportantForAccessibility(int mode) {
    throw new UnsupportedOperationException();
  }

  public interface OnClickListener {
    void onClick(View v);
  }
}
