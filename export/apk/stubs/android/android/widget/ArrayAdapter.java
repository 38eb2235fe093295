package android.widget;

import android.content.Context;
import java.util.List;

public class ArrayAdapter<T> implements ThemedSpinnerAdapter {
  public ArrayAdapter(Context context, int resource, List<T> objects) {
    throw new UnsupportedOperationException();
  }

  public void setDropDownViewResource(int resource) {
    throw new UnsupportedOperationException();
  }
}
