package android.widget;

import android.content.Context;
import android.view.View;
import android.view.ViewGroup;
import fake.Phone;

public abstract class AdapterView<T extends Adapter> extends ViewGroup {
  public T adapter;
  private OnItemSelectedListener listener;
  private int position = -1;

  public AdapterView(Context context) {
    super(context);
  }

  public void setAdapter(T next) {
    checkThread();
    adapter = next;
    setSelection(0);
  }

  public void setSelection(int next) {
    checkThread();
    position = next;
    announce();
  }

  public int getSelectedItemPosition() {
    return position;
  }

  public void setOnItemSelectedListener(OnItemSelectedListener next) {
    listener = next;
    // The first layout announces what is selected, though nobody selected anything.
    if (position >= 0) {
      announce();
    }
  }

  private void announce() {
    Phone.post(
        () -> {
          if (listener != null) {
            listener.onItemSelected(this, this, position, position);
          }
        });
  }

  public interface OnItemSelectedListener {
    void onItemSelected(AdapterView<?> parent, View view, int position, long id);

    void onNothingSelected(AdapterView<?> parent);
  }
}
