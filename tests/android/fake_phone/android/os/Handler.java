package android.os;

import fake.Phone;

public class Handler {
  public Handler(Looper looper) {}

  public final boolean post(Runnable action) {
    Phone.post(action);
    return true;
  }
}
