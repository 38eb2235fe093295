package android.text;

public class SpannableStringBuilder implements CharSequence, Editable {
  public SpannableStringBuilder() {
    throw new UnsupportedOperationException();
  }

  @Override
  public int length() {
    throw new UnsupportedOperationException();
  }

  @Override
  public char charAt(int where) {
    throw new UnsupportedOperationException();
  }

  @Override
  public CharSequence subSequence(int start, int end) {
    throw new UnsupportedOperationException();
  }

  @Override
  public String toString() {
    throw new UnsupportedOperationException();
  }

  public SpannableStringBuilder append(CharSequence text) {
    throw new UnsupportedOperationException();
  }

  public void setSpan(Object what, int start, int end, int flags) {
    throw new UnsupportedOperationException();
  }
}
