package android.widget;

import android.content.Context;
import android.view.View;
import android.view.ViewGroup;

public abstract class AdapterView<T extends Adapter> extends ViewGroup {
  public static final int INVALID_POSITION = -1;

  public AdapterView(Context context) {
    super(context);
    throw new UnsupportedOperationException();
  }

  public void setAdapter(T adapter) {
    throw new UnsupportedOperationException();
  }

  public void setSelection(int position) {
    throw new UnsupportedOperationException();
  }

  public int getSelectedItemPosition() {
    throw new UnsupportedOperationException();
  }

  public void setOnItemSelectedListener(OnItemSelectedListener listener) {
    throw new UnsupportedOperationException();
  }

  public interface OnItemSelectedListener {
    void onItemSelected(AdapterView<?> parent, View view, int position, long id);

    void onNothingSelected(AdapterView<?> parent);
  }
}
