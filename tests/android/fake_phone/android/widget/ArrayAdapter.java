package android.widget;

import android.content.Context;
import java.util.List;

public class ArrayAdapter<T> implements SpinnerAdapter {
  public final List<T> items;

  public ArrayAdapter(Context context, int resource, List<T> items) {
    this.items = items;
  }

  public void setDropDownViewResource(int resource) {}
}
