package io.edgebert.demo;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** What the screen shows of an answer: a title, bars, and a text with marks. */
final class AnswerLook {
  /** Bars that are shown; a model can have hundreds of labels. */
  private static final int MOST_BARS = 5;

  private final String title;
  private final List<Bar> bars = new ArrayList<>();
  private String spoken;
  private CharSequence marked = "";

  AnswerLook(String title) {
    this.title = title;
    spoken = title;
  }

  /** Sets what a screen reader says instead of the title. */
  AnswerLook spoken(String words) {
    spoken = words;
    return this;
  }

  AnswerLook bar(Bar bar) {
    bars.add(bar);
    return this;
  }

  AnswerLook marked(CharSequence text) {
    marked = text;
    return this;
  }

  String title() {
    return title;
  }

  String spoken() {
    return spoken;
  }

  /** Returns the longest bars, the longest first: five, or all that reach their threshold. */
  List<Bar> bars() {
    List<Bar> longest = new ArrayList<>(bars);
    // Those below their threshold come last, and this sort keeps the order of equal ones.
    Collections.sort(longest, (one, other) -> Double.compare(other.share(), one.share()));
    Collections.sort(longest, (one, other) -> Boolean.compare(one.low(), other.low()));
    int count = 0;
    for (Bar bar : longest) {
      count += bar.low() ? 0 : 1;
    }
    boolean thresholds = count < longest.size();
    return longest.subList(0, Math.min(longest.size(), thresholds ? Math.max(count, MOST_BARS) : MOST_BARS));
  }

  /** Returns how many bars are not shown. */
  int more() {
    return bars.size() - bars().size();
  }

  /** Returns the text with its marks; empty if there is none. */
  CharSequence marked() {
    return marked;
  }
}
