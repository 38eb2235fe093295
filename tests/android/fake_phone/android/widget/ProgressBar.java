package android.widget;

import android.content.Context;
import android.util.AttributeSet;
import android.view.View;

public class ProgressBar extends View {
  public int progress;
  public int max = 100;

  public ProgressBar(Context context) {
    super(context);
  }

  public ProgressBar(Context context, AttributeSet attributes, int style) {
    super(context);
  }

  public void setMax(int most) {
    checkThread();
    max = most;
  }

  public void setProgress(int next) {
    checkThread();
    progress = next;
  }
}
