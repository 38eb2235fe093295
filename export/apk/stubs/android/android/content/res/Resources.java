package android.content.res;

public class Resources {
  Resources() {
    throw new UnsupportedOperationException();
  }

  public int getInteger(int id) {
    throw new UnsupportedOperationException();
  }
}
