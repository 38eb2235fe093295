package android.widget;

import android.content.Context;
import android.view.View;

public class ProgressBar extends View {
  public int progress;

  public ProgressBar(Context context) {
    super(context);
  }

  public void setProgress(int next) {
    checkThread();
    progress = next;
  }
}
