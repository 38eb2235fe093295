package android.text.style;

public class RelativeSizeSpan {
  public RelativeSizeSpan(float proportion) {}
}
