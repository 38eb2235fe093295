package android.widget;

import android.content.Context;
import android.util.AttributeSet;
import android.view.View;

public class ProgressBar extends View {
  public ProgressBar(Context context) {
    super(context);
    throw new UnsupportedOperationException();
  }

  public void setProgress(int progress) {
    throw new UnsupportedOperationException();
  }

  public ProgressBar(Context context, AttributeSet attrs, int defStyleAttr) {
    super(context);
    throw new UnsupportedOperationException();
  }

  public void setMax(int max) {
    throw new UnsupportedOperationException();
  }
}
