package android.text;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

public class SpannableStringBuilder implements CharSequence, Editable, Spanned {
  private final StringBuilder text = new StringBuilder();

  /** Kind, start and end of each span. */
  public final List<Object> spans = new ArrayList<>();

  public SpannableStringBuilder append(CharSequence more) {
    text.append(more);
    return this;
  }

  public void setSpan(Object what, int start, int end, int flags) {
    spans.add(Arrays.asList(what.getClass().getSimpleName(), start, end));
  }

  @Override
  public int length() {
    return text.length();
  }

  @Override
  public char charAt(int where) {
    return text.charAt(where);
  }

  @Override
  public CharSequence subSequence(int start, int end) {
    return text.subSequence(start, end);
  }

  @Override
  public String toString() {
    return text.toString();
  }
}
