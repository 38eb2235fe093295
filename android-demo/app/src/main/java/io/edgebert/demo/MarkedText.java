package io.edgebert.demo;

import android.content.Context;
import android.text.SpannableStringBuilder;
import android.text.Spanned;
import android.text.style.BackgroundColorSpan;
import android.text.style.RelativeSizeSpan;

/** A text with parts of it marked; the parts follow one another. */
final class MarkedText {
  private static final int[] COLORS = {R.color.mark_0, R.color.mark_1, R.color.mark_2, R.color.mark_3};
  private static final float SMALL = 0.75f;

  private final Context context;
  private final String text;
  private final SpannableStringBuilder shown = new SpannableStringBuilder();
  private int place;

  MarkedText(Context context, String text) {
    this.context = context;
    this.text = text;
  }

  /**
   * Marks a part.
   *
   * @param start where it begins, in UTF-16 units
   * @param end where it ends
   * @param color number of the color; after the last one comes the first again
   * @param words what is written behind it in small letters; empty for nothing
   */
  void mark(int start, int end, int color, String words) {
    shown.append(text.substring(place, start));
    int from = shown.length();
    shown.append(text.substring(start, end));
    if (!words.isEmpty()) {
      int small = shown.length();
      shown.append(" ").append(words);
      set(new RelativeSizeSpan(SMALL), small);
    }
    set(new BackgroundColorSpan(context.getColor(COLORS[color % COLORS.length])), from);
    place = end;
  }

  /** Returns the text with all marks. */
  CharSequence text() {
    shown.append(text.substring(place));
    place = text.length();
    return shown;
  }

  private void set(Object span, int from) {
    shown.setSpan(span, from, shown.length(), Spanned.SPAN_EXCLUSIVE_EXCLUSIVE);
  }
}
